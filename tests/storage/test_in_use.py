"""Which processes use a folder's files."""

import os
import sys

import numpy as np
import pytest

from mtlray.storage.in_use import users_of

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")


def test_files_that_are_mapped_or_open_are_in_use(tmp_path):
    inside = tmp_path / "data"
    inside.mkdir()
    np.save(inside / "a.npy", np.zeros(10))
    (tmp_path / "data-2").mkdir()
    np.save(tmp_path / "data-2" / "a.npy", np.zeros(10))
    assert users_of(inside) == []
    mapped = np.load(inside / "a.npy", mmap_mode="c")
    assert users_of(inside) == [os.getpid()]
    assert users_of(tmp_path / "data-2") == []
    del mapped
    assert users_of(inside) == []
    with (inside / "a.npy").open("rb"):
        assert users_of(inside) == [os.getpid()]
    assert users_of(tmp_path / "nowhere") == []
