"""A Ray of our own on this machine: nobody else reaches it, and nothing of its settings is left afterwards."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import pytest
import ray  # noqa: F401  # sets variables of its own, once

from mtlray.errors import LaunchError
from mtlray.running.on_ray import launching
from mtlray.running.on_ray.alone import alone
from mtlray.running.signals import Stop


def settings():
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_")}


def test_each_run_has_a_token_of_its_own_that_nobody_else_can_read(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "one for a cluster")
    before, tokens = settings(), []
    umask = os.umask(0)
    try:
        for _ in range(2):
            with tempfile.TemporaryDirectory(dir=tmp_path) as folder, alone(None, Path(folder)):
                assert os.environ["RAY_AUTH_MODE"] == "token"
                assert "RAY_AUTH_TOKEN" not in os.environ
                token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
                assert token.stat().st_mode & 0o777 == 0o600
                assert token.is_relative_to(folder)
                tokens.append(token.read_text())
            assert settings() == before
    finally:
        os.umask(umask)
    assert [len(token) for token in tokens] == [64, 64]
    assert tokens[0] != tokens[1]


def test_a_cluster_is_joined_with_the_users_own_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "one for a cluster")
    before = settings()
    with alone("auto", tmp_path):
        assert settings() == before


def test_a_launch_without_an_address_starts_ray_alone(monkeypatch, unchecked):
    found = []

    @contextlib.contextmanager
    def start(job, address, modules, folder, pulse):
        found.append({name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER")})
        raise LaunchError("no further")
        yield

    monkeypatch.setattr(launching, "running_ray", start)
    for address in (None, "auto"):
        with pytest.raises(LaunchError, match="no further"):
            launching.OnRay(address).run(
                [], types.SimpleNamespace(job=None, stop=Stop(), display=types.SimpleNamespace(note=print))
            )
    assert found[0] == {"RAY_AUTH_MODE": "token", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
    assert found[1]["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] is None


# What a foreign user of the machine finds while a sweep runs: the ports that listen, and the answer to a wrong token.
FOREIGN = """
import json, os, subprocess, sys, types
from pathlib import Path

import ray
import psutil  # Ray brings it along

import mtlray.running.on_ray.launching as launching
from mtlray.running.signals import Stop

ENTER = "from ray._raylet import GcsClient; GcsClient(sys.argv[1]); print('let in')"


def look(job, stop):
    address = ray.get_runtime_context().gcs_address
    me = psutil.Process()
    found = [p.net_connections("inet") for p in (me, *me.children(recursive=True))]
    ports = [c.laddr.ip for connections in found for c in connections if c.status == psutil.CONN_LISTEN]
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    foreign |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "guessed" * 5}
    entering = subprocess.Popen(
        [sys.executable, "-c", "import sys; " + ENTER, address], env=foreign, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )
    answer = next((line for line in entering.stdout if "Unauthenticated" in line or "let in" in line), "")
    entering.kill()
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    closed = any(folder.stat().st_mode & 0o777 == 0o700 for folder in session.parents if folder != Path.home())
    print(json.dumps({"ports": ports, "answer": answer, "closed": closed}))
    raise SystemExit


launching.trial_resources = look
config = types.SimpleNamespace(workers=1)
display = types.SimpleNamespace(note=print)
job = types.SimpleNamespace(config=config)
launching.OnRay().run([], types.SimpleNamespace(job=job, stop=Stop(), display=display))
"""


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_a_foreign_user_of_the_machine_is_not_let_in(tmp_path):
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    ran = subprocess.run(
        [sys.executable, "-c", FOREIGN], cwd=tmp_path, env=foreign, capture_output=True, text=True, timeout=250
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert len(found["ports"]) >= 3
    assert {ip.removeprefix("::ffff:") for ip in found["ports"]} == {"127.0.0.1"}
    assert "Unauthenticated" in found["answer"]
    assert found["closed"]
