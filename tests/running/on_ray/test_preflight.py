"""What each node of a cluster must say of itself before a sweep starts."""

import json

import pytest

import mtlray.running.on_ray.preflight as preflight
from mtlray.errors import LaunchError
from mtlray.identity.provenance import versions
from mtlray.running.on_ray.preflight import await_node, inspect_node, judge


def test_a_node_that_writes_and_has_the_same_versions_passes(tmp_path):
    answer = inspect_node(str(tmp_path), "small")
    judge({"10.0.0.1": answer})
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_node_that_cannot_write_is_named():
    answer = inspect_node("/proc/nowhere", "small")
    with pytest.raises(LaunchError, match=r"Node 10\.0\.0\.1 says: .*all nodes share"):
        judge({"10.0.0.1": answer})


def test_other_versions_are_named():
    other = json.dumps({**json.loads(versions()), "torch": "1.0"})
    with pytest.raises(LaunchError, match=r"Node 10\.0\.0\.2 has torch 1\.0 \(here .*same versions"):
        judge({"10.0.0.2": {"versions": other, "error": ""}})


def test_a_node_that_does_not_share_the_results_is_named(tmp_path):
    """Its own disk can be written too; what the driver wrote is not there."""
    answer = inspect_node(str(tmp_path), "small", "trials/.probe-1")
    with pytest.raises(
        LaunchError, match=r"Node 10\.0\.0\.3 says: .*trials/\.probe-1, written by the driver just now, is not"
    ):
        judge({"10.0.0.3": answer})
    (tmp_path / "small" / "trials").mkdir(parents=True)
    (tmp_path / "small" / "trials" / ".probe-1").write_bytes(b"driver")
    judge({"10.0.0.3": inspect_node(str(tmp_path), "small", "trials/.probe-1")})


class Ray:
    """A cluster that gets a node after some looks, as `ray` and its autoscaler."""

    def __init__(self, monkeypatch, nodes_by_look):
        import ray
        from ray.autoscaler import sdk

        self.looks, self.requests, self.slept = iter(nodes_by_look), [], 0.0
        monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": r} for r in next(self.looks)])
        monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 0.0})
        monkeypatch.setattr(sdk, "request_resources", lambda bundles: self.requests.append(bundles))
        monkeypatch.setattr(preflight.time, "sleep", self._sleep)
        monkeypatch.setattr(preflight.time, "monotonic", lambda: self.slept)

    def _sleep(self, seconds):
        self.slept += seconds


def test_a_node_is_waited_for_and_asked_for(monkeypatch):
    cluster = Ray(monkeypatch, [[{}], [{}], [{}, {"CPU": 4.0}]])
    await_node({"CPU": 1.0}, 60.0)
    assert cluster.slept == pytest.approx(4.0)
    assert cluster.requests == [[{"CPU": 1.0}], []], "asked for, and no longer"


@pytest.mark.parametrize(("seconds", "waited"), [(0.0, ""), (5.0, " after 5 s")])
def test_resources_that_nobody_has(monkeypatch, seconds, waited):
    Ray(monkeypatch, iter(lambda: [{"CPU": 8.0}, {"CPU": 8.0, "GPU": 0.5}], None))
    with pytest.raises(LaunchError) as caught:
        await_node({"CPU": 1.0, "GPU": 1.0}, seconds)
    assert str(caught.value) == (
        f"Each trial needs 1 CPU, 1 GPU on one node. The cluster has 0 CPU, 0 GPU on 2 nodes in all{waited}. Choose another "
        "--device, add nodes, or wait longer for them with --wait-seconds."
    )


def test_waiting_ends_when_the_sweep_is_stopped(monkeypatch):
    cluster = Ray(monkeypatch, iter(lambda: [], None))
    await_node({"CPU": 1.0}, 60.0, lambda: cluster.slept > 5)
    assert cluster.slept == pytest.approx(6.0)
