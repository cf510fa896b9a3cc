"""What each node of a cluster must say of itself before a sweep starts."""

import json

import pytest

from mtlray.errors import LaunchError
from mtlray.preflight import inspect_node, judge
from mtlray.provenance import versions


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
