"""Arrays in npy files: a header that was changed is refused, or means the same numbers."""

import io
import tracemalloc

import numpy as np
import pytest
from flips import flips

from mtlray.reading.arrays import read_npy
from mtlray.reading.causes import Cause, ReadError

RNG = np.random.default_rng(0)
ARRAYS = [
    RNG.random((28, 38, 3)).astype(np.float32),
    RNG.integers(-1, 13, (28, 38)),
    RNG.integers(0, 256, (28, 38, 3), dtype=np.uint8),
    np.asfortranarray(RNG.random((28, 38))),
    np.zeros((0, 4), np.int16),
    np.float64(3).reshape(()),
]


def as_npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype}{array.shape}")
def test_arrays_come_back_as_they_are(tmp_path, array):
    (tmp_path / "a.npy").write_bytes(as_npy(array))
    found = read_npy(tmp_path / "a.npy")
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)


@pytest.mark.parametrize("array", ARRAYS[:4], ids=lambda array: f"{array.dtype}{array.shape}")
def test_a_flipped_bit_in_the_header_is_told_or_changes_no_number(tmp_path, array):
    """All 1,024 of them."""
    whole, path, refused = as_npy(array), tmp_path / "a.npy", 0
    assert len(whole) - array.nbytes == 128
    for content in flips(whole, 1024, last=128):
        path.write_bytes(content)
        try:
            found = read_npy(path)
        except ReadError:
            refused += 1
        else:
            assert np.array_equal(found, array)
    assert refused > 900


def header(text):
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "cause", "message"),
    [
        (as_npy(np.array([{}]), allow_pickle=True), Cause.UNKNOWN_KIND, "it holds |O"),
        (as_npy(ARRAYS[1].astype(">i8")), Cause.UNKNOWN_KIND, "it holds >i8"),
        (as_npy(np.array(["a"])), Cause.UNKNOWN_KIND, "it holds <U1"),
        (as_npy(np.zeros(2, [("a", "<i4")])), Cause.UNKNOWN_KIND, "it holds |V4"),
        (as_npy(np.ones(2, bool)), Cause.UNKNOWN_KIND, "it holds bool"),
        (as_npy(ARRAYS[0])[:-1], Cause.DAMAGED, "12,767 bytes of values where its header asks for 12,768"),
        (as_npy(ARRAYS[0]) + b"x", Cause.DAMAGED, "12,769 bytes of values where its header asks for 12,768"),
        (b"\x80\4K\1.", Cause.DAMAGED, "magic string"),
        (b"", Cause.DAMAGED, "no bytes"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}"), Cause.DAMAGED, "8,000,000,000,000"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"), Cause.DAMAGED, "shape (-1,)"),
        (header("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1, " * 5000 + ")}"), Cause.DAMAGED, "max_header_size"),
        (header("(" * 9000), Cause.DAMAGED, "EOF in multi-line statement"),
    ],
)  # fmt: skip
def test_what_is_no_array_of_numbers_is_refused_without_its_memory(tmp_path, content, cause, message):
    (tmp_path / "a.npy").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ReadError) as caught:
        read_npy(tmp_path / "a.npy")
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert caught.value.cause is cause
    assert message in str(caught.value)
