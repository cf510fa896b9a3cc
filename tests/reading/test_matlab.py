"""MATLAB's files: what their checksums do not fit is refused, and so are sizes that nothing in the file has."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
import scipy.io
from flips import flips

from mtlray.reading.causes import ReadError
from mtlray.reading.matlab import read_mat

CELLS = np.array(["nm0000001_a.jpg", "nm0000002_b.jpg"], dtype=object)
TABLE = {"dob": np.arange(300.0), "full_path": CELLS, "gender": np.array([0, np.nan])}


def saved(compressed):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"table": TABLE, "order": np.arange(300)[None]}, do_compression=compressed)
    return buffer.getvalue()


@pytest.mark.parametrize("compressed", [True, False])
def test_variables_come_back_as_they_are(tmp_path, compressed):
    (tmp_path / "a.mat").write_bytes(saved(compressed))
    found = read_mat(tmp_path / "a.mat", "table", "order", fields=TABLE)
    assert found.keys() == {"table", "order"}
    assert np.array_equal(found["order"], np.arange(300)[None])
    assert np.ravel(found["table"]["dob"]).tolist() == TABLE["dob"].tolist()
    assert found["table"]["full_path"] == CELLS.tolist()
    assert read_mat(tmp_path / "a.mat", "table", fields=["gender"])["table"].keys() == {"gender"}
    with pytest.raises(ReadError, match=r"should be a MATLAB file with `other`\. Found: no `other`"):
        read_mat(tmp_path / "a.mat", "other")


@pytest.mark.parametrize("dtype", ["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 3), (4, 5), (2, 3, 4)])
def test_numbers_of_each_type_are_those_that_scipy_reads(tmp_path, dtype, shape):
    values = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    scipy.io.savemat(tmp_path / "a.mat", {"a": values, "text": "größer", "none": []})
    found, expected = read_mat(tmp_path / "a.mat", "a", "text", "none"), scipy.io.loadmat(tmp_path / "a.mat")
    assert (found["a"].dtype, found["a"].shape) == (expected["a"].dtype, expected["a"].shape)
    assert np.array_equal(found["a"], values)
    assert found["text"] == "größer"
    assert found["none"].size == 0


@pytest.mark.parametrize("n", [50, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_flipped_bit_is_told_or_where_there_is_a_checksum_changes_no_number(tmp_path, compressed, n):
    whole, path, refused = saved(compressed), tmp_path / "a.mat", 0
    for content in flips(whole, n, seed=1):
        path.write_bytes(content)
        try:
            found = read_mat(path, "order")["order"]
        except ReadError:
            refused += 1
        else:
            assert not compressed or np.array_equal(found, np.arange(300)[None])
    assert refused > (n / 2 if compressed else 0)


def test_a_checksum_that_scipy_does_not_read_is_compared(tmp_path):
    whole = saved(True)
    (size,) = struct.unpack_from("<I", whole, 132)
    changed = bytearray(whole)
    changed[136 + size - 1] ^= 1  # the last byte of the first variable, whose checksum it is part of
    (tmp_path / "a.mat").write_bytes(changed)
    with pytest.raises(ReadError, match=r"it is damaged \(Error -3 .* incorrect data check\)"):
        read_mat(tmp_path / "a.mat", "table")


@pytest.mark.parametrize("sizes", [(2**28, 4), (2**31 - 1, 2**31 - 1), (-1, 1)])
@pytest.mark.parametrize("value", [np.arange(300.0)[None], np.array([["a", "b"]], dtype=object)])
def test_sizes_that_nothing_has_take_no_memory(tmp_path, value, sizes):
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"a": value})
    content = bytearray(buffer.getvalue())
    struct.pack_into("<ii", content, 128 + 8 + 16 + 8, *sizes)
    (tmp_path / "a.mat").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ReadError, match=r"numbers of type|cells where|sizes"):
        read_mat(tmp_path / "a.mat", "a")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no bytes"),
        (b"MATLAB 5.0", "no header"),
        (
            b"MATLAB 5.0".ljust(124) + b"\0\2IM" + bytes(99),
            "Found: version 7.3. Save it in MATLAB with the option -v7.",
        ),
        (b"\x89HDF\r\n\x1a\n", "another kind: HDF5"),
        (saved(True)[:-9], "before its last element"),
    ],
)
def test_what_is_no_such_file_is_told(tmp_path, content, message):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(ReadError) as caught:
        read_mat(tmp_path / "a.mat", "order")
    assert message in str(caught.value)
