"""Whether Ray lives, with sockets of the tests in its place."""

import contextlib
import socket
import tempfile

import pytest

import mtlray.running.on_ray.pulse as module
from mtlray.running.on_ray.pulse import Pulse


@pytest.fixture
def ray(monkeypatch):
    """A raylet and a control process that listen, and what Ray says of its nodes."""
    import ray

    nodes = [{"NodeID": "me", "Alive": True}, {"NodeID": "other", "Alive": True}]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as stack:
        raylet, gcs = (stack.enter_context(socket.socket(family)) for family in (socket.AF_UNIX, socket.AF_INET))
        raylet.bind(f"{folder}/raylet")
        gcs.bind(("127.0.0.1", 0))
        for listener in (raylet, gcs):
            listener.listen()

        def pulse(*, own):
            made = Pulse(own=own)
            made._raylet, made._node, made.begun = f"{folder}/raylet", "me", True
            made._gcs = f"127.0.0.1:{gcs.getsockname()[1]}"
            return made

        pulse.raylet, pulse.gcs, pulse.nodes = raylet, gcs, nodes
        yield pulse


@pytest.mark.parametrize("own", [True, False])
def test_a_ray_that_lives(ray, own):
    pulse = ray(own=own)
    ray.nodes[1]["Alive"] = False  # another node's end is no end
    assert pulse.look() == ""
    assert pulse.lost() == ""


@pytest.mark.parametrize("own", [True, False])
def test_a_raylet_that_ended(ray, own):
    pulse = ray(own=own)
    ray.raylet.close()
    assert pulse.look() == "Ray's process on this machine, its raylet, has ended"
    assert pulse.lost() == pulse.reason == pulse.look()


def test_a_control_process_that_ended_is_lost_at_once_where_nobody_starts_it_again(ray):
    pulse = ray(own=True)
    ray.gcs.close()
    assert pulse.look() == f"Ray's control process at {pulse._gcs} has ended"


def test_a_cluster_s_control_process_may_come_back(ray, monkeypatch):
    pulse = ray(own=False)
    port = ray.gcs.getsockname()[1]
    ray.gcs.close()
    assert pulse.look() == ""
    with socket.create_server(("127.0.0.1", port)):
        assert pulse.look() == ""
        assert pulse._refused_since is None
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", -1)
    assert "has ended" in pulse.look()


def test_a_node_that_ray_has_given_up(ray):
    pulse = ray(own=True)
    ray.nodes[0]["Alive"] = False
    assert pulse.look() == "Ray has given this machine up, because its raylet did not answer"


def test_silence_is_counted_in_looks_and_not_in_seconds(ray, monkeypatch):
    """A driver that was stopped for an hour has not waited for an hour."""
    monkeypatch.setattr(module, "_SILENT_LOOKS", 3)
    pulse = ray(own=True)
    assert [bool(pulse.lost()) for _ in range(2)] == [False] * 2
    pulse._beats.set()
    assert [bool(pulse.lost()) for _ in range(5)] == [False, False, False, True, True]


def test_a_ray_that_does_not_start(monkeypatch):
    monkeypatch.setattr(module, "_STARTING_LOOKS", 2)
    pulse = Pulse(own=True)
    assert [pulse.lost() for _ in range(3)] == ["", "", "Ray has not started in 1 s"]


def test_nothing_is_said_of_a_ray_that_is_shut_down(ray):
    pulse = ray(own=True)
    ray.raylet.close()
    pulse.end()
    assert pulse.lost() == ""
