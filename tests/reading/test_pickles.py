"""Pickles: arrays and names come back, nothing else is run, and a flip in what is compressed is told."""

import gzip
import io
import os
import pickle

import numpy as np
import pytest
from flips import flips

from mtlray.reading.causes import ReadError
from mtlray.reading.pickles import read_arrays

CONTENT = {"normals": np.arange(300, dtype=np.float32).reshape(10, 30), "names": ["0001", "0002"]}


def read(packed):
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        return read_arrays(stream, "`x`")


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("n", [50, pytest.param(3000, marks=pytest.mark.slow)])
def test_arrays_come_back_and_a_flipped_bit_is_told_or_changes_none(protocol, n):
    whole, refused = gzip.compress(pickle.dumps(CONTENT, protocol), mtime=0), 0
    for content in [whole, *flips(whole, n)]:
        try:
            found = read(content)
        except ReadError:
            refused += 1
        else:
            assert np.array_equal(found["normals"], CONTENT["normals"])
            assert found["names"] == CONTENT["names"]
    assert n * 0.8 < refused <= n


class Command:
    def __reduce__(self):
        return os.mkdir, ("made",)


def test_no_function_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReadError, match=r"posix.mkdir, which is no array"):
        read(gzip.compress(pickle.dumps(Command())))
    assert not (tmp_path / "made").exists()


def test_flipped_bits_in_a_pickle_itself_end_in_a_clear_error_or_arrays():
    for content in flips(pickle.dumps(CONTENT, 2), 500):
        try:
            read_arrays(io.BytesIO(content), "`x`")
        except ReadError:
            continue
