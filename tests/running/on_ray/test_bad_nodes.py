"""Two nodes, each a real `ray start`: data that each fetches, and what a launch says before any trial where one is not fit."""

import importlib.metadata
import os
import re
import subprocess

import pytest
from places import SMALL
from ray_nodes import ROOT, Bench, Nodes, kill, mtlray
from s3_server import EXPIRED, serving

OPTIONS = ("--strategies", "dwa", "--seeds", "0:1", "--steps", "8", "--yes")

NOT_WRITABLE = re.compile(r"Error: Results should be writable from every node, in one place\. Node [\d.]+ \(")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ray,
    pytest.mark.xdist_group("ray"),
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),  # of moto's imports
]


@pytest.fixture(scope="module")
def nodes():
    """A head, with an object store."""
    pytest.importorskip("moto.server")
    with serving() as server:
        made = Nodes(Bench(), head_cpus=0)  # so that a launch waits for the other node
        made.server = server
        yield made
        made.stop()


@pytest.fixture
def launched(nodes, tmp_path):
    """Run a sweep where the other node has `environment`, or the words `before` its command; exit code and output."""

    def run(*arguments, before=(), environment=None):
        nodes.join(*before, **(environment or {}))
        try:
            launch = mtlray(
                "run", SMALL, *OPTIONS, "--data", tmp_path / "data", "--address", nodes.address, "--wait-seconds", 60,
                *arguments, environment=nodes.environment,
            )  # fmt: skip
            output, _ = launch.communicate(timeout=200)
        finally:
            kill(nodes.other)
        return launch.returncode, output

    return run


@pytest.fixture
def refused(launched, tmp_path):
    """What such a launch says, in one line, where it does not start."""

    def run(*arguments, **options):
        code, output = launched(*arguments, **options)
        assert code == 2, output
        (error,) = [line for line in output.splitlines() if line.startswith("Error: ")]
        assert output.endswith(f"{error}\n"), "nothing else follows"
        assert not list(tmp_path.rglob("attempt-*.log")), "no trial has started"
        print(error)
        return error

    return run


def mounted(how, folder):
    """The words before the command of a node that sees a folder in its own way."""
    folder.mkdir(exist_ok=True)
    if subprocess.run(["unshare", "-m", "sh", "-c", how], capture_output=True).returncode:
        pytest.skip("may not mount here")
    return ("unshare", "-m", "sh", "-c", f'{how} && exec "$@"', "node")


def test_results_that_one_node_cannot_write(refused, tmp_path):
    results = tmp_path / "results"
    sealed = mounted(f"mount --bind {results} {results} && mount -o remount,bind,ro {results}", results)
    error = refused("--results", results, before=sealed)
    assert NOT_WRITABLE.match(error)
    assert "Read-only file system" in error
    assert error.endswith(
        "Give a --results folder that all nodes share, or an object store such as s3://bucket/folder."
    )


def test_other_versions_on_one_node(refused, tmp_path):
    """The node's Python finds the packaging notes of another torchvision first."""
    other = tmp_path / "site" / "torchvision-0.0.1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.0.1\n")
    error = refused("--results", tmp_path / "results", environment={"PYTHONPATH": f"{other.parent}{os.pathsep}{ROOT}"})
    assert error.startswith(
        "Error: All nodes should have the versions of the driver, because numbers depend on them. Node"
    )
    assert (
        f" has torchvision 0.0.1 (here {importlib.metadata.version('torchvision')}). Install the same versions there"
        in error
    )


def test_data_that_each_node_fetches(nodes, launched, refused, tmp_path):
    """The driver fetches it, and so does the other node, which has a disk of its own; not with credentials that have expired."""
    pushed = mtlray("data", "push", SMALL, "--to", "s3://bucket/data", environment=nodes.environment)
    output, _ = pushed.communicate(timeout=100)
    assert pushed.returncode == 0, output
    its_own = mounted(f"mount -t tmpfs tmpfs {tmp_path / 'data'}", tmp_path / "data")
    options = ("--results", tmp_path / "results", "--data-from", "s3://bucket/data")
    with serving() as other:
        other.refusal = EXPIRED
        expired = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{other.port}"}
        error = refused(*options, environment=expired, before=its_own)
    assert re.match(r"Error: Every node should be able to fetch the data\. Node [\d.]+ \(", error)
    assert "Prepared data should lie in s3://bucket/data. The store says: " in error
    assert "The credentials" in error
    assert len(list((tmp_path / "data").glob("prepared/*/meta.json"))) == 1, "the driver has fetched it"
    code, output = launched(*options, before=its_own)
    assert code == 0, output
    (log,) = tmp_path.glob("results/small/trials/*/attempt-1.log")
    assert "Fetching 13.0 MB from s3://bucket/data/prepared/" in log.read_text()


def test_credentials_for_results_that_have_expired_on_one_node(refused):
    with serving() as other:
        other.refusal = EXPIRED
        error = refused(
            "--results", "s3://bucket/results", environment={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{other.port}"}
        )
    assert NOT_WRITABLE.match(error)
    assert "The credentials" in error


def test_resources_that_no_node_has(refused, tmp_path):
    error = refused("--results", tmp_path / "results", "--device", "cuda", "--wait-seconds", 3)
    assert re.fullmatch(
        r"Error: Each trial needs 1 CPU, 1 GPU on one node\. The cluster has [01] CPU, 0 GPU on [12] nodes in all after 3 s\. "
        r"Choose another --device, add nodes, or wait longer for them with --wait-seconds\.",
        error,
    )
