"""The published files, where they are."""

import os

import pytest
from places import ROOT


@pytest.fixture
def published():
    """A function from the name of a data set to the folder with its published files, which skips where there is none."""

    def find(name):
        root = (ROOT / os.environ.get("MTLRAY_TEST_DATA", "../shared/data")).resolve()
        if not (root / name).is_dir():
            pytest.skip(f"{name} is not in {root}; MTLRAY_TEST_DATA names another place")
        return root / name

    return find
