"""Fixtures of the fault tests: drivers, and the results of a sweep without any fault."""

import pytest
from faultlib import NARROW, SWEEP, Drivers


@pytest.fixture(scope="session")
def drivers(tmp_path_factory):
    started = Drivers(tmp_path_factory.mktemp("drivers"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def other_drivers(tmp_path_factory):
    started = Drivers(tmp_path_factory.mktemp("drivers"))
    yield started
    started.close()


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, data, drivers):
    """The narrowed sweep, run without any fault."""
    results = tmp_path_factory.mktemp("undisturbed")
    code, output = drivers.run("run", SWEEP, *NARROW, "--results", results, "--data", data)
    assert code == 0, output
    return results
