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


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["f4", ">f8", "u1", "bool", "U3", "S2"])
def test_arrays_of_every_type_are_those_that_were_pickled(protocol, dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    content = {"c": array, "f": np.asfortranarray(array), "one": array[0, 0, 0:1], "none": array[:0]}
    found = read(gzip.compress(pickle.dumps(content, protocol)))
    for name, expected in content.items():
        assert (found[name].dtype, found[name].shape) == (expected.dtype, expected.shape)
        assert np.array_equal(found[name], expected)


def test_a_pickle_of_python_2_is_read():
    """As Python 2 wrote `{"a": numpy.array([1, 2], numpy.uint8)}` with protocol 2."""
    packed = (
        b"\x80\x02}q\x01U\x01acnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04"
        b"(K\x01K\x02\x85cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00"
        b"tb\x89U\x02\x01\xf2tbs."
    )
    assert read(gzip.compress(packed))["a"].tolist() == [1, 0xF2]


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
