"""Fixtures of the fault tests: drivers, and the results of a sweep without any fault."""

import pytest
from faultlib import NARROW, SWEEP, Drivers, Server


@pytest.fixture(scope="session")
def server():
    started = Server()
    yield started
    started.close()


@pytest.fixture
def drivers(server, tmp_path_factory):
    """The drivers of this test; what it leaves running is killed after it."""
    started = Drivers(server, tmp_path_factory.mktemp("drivers"))
    yield started
    started.end()


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, data, server):
    """The narrowed sweep, run without any fault."""
    drivers = Drivers(server, tmp_path_factory.mktemp("drivers"))
    results = tmp_path_factory.mktemp("undisturbed")
    code, output = drivers.run("run", SWEEP, *NARROW, "--results", results, "--data", data)
    assert code == 0, output
    return results
