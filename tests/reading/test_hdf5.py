"""HDF5 files: damage is told, and nothing is read from another file than this one."""

import numpy as np
import pytest
from flips import flips

from mtlray.reading.causes import Cause, ReadError
from mtlray.reading.hdf5 import HDF5

h5py = pytest.importorskip("h5py")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8)


@pytest.fixture
def path(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["images"] = IMAGES
        file["name"] = np.array([[ord(c)] for c in "kitchen"], np.uint16)
        file["scenes"] = np.array([[file["name"].ref]], dtype=h5py.ref_dtype)
        file["other"] = h5py.ExternalLink("/etc/passwd", "/")
    return tmp_path / "a.mat"


def read(path):
    with HDF5(path) as file:
        return file.header("images"), file.row("images", 1), file.text("scenes", 0)


def test_arrays_and_texts_come_back(path):
    header, row, text = read(path)
    assert header == ((3, 4, 5), np.uint8)
    assert np.array_equal(row, IMAGES[1])
    assert text == "kitchen"


def test_what_lies_in_another_file_is_refused(path, tmp_path):
    (tmp_path / "values").write_bytes(bytes(60))
    with h5py.File(path, "a") as file:
        file.create_dataset("outside", (3, 4, 5), "u1", external=[(str(tmp_path / "values"), 0, 60)])
        layout = h5py.VirtualLayout((3, 4, 5), "u1")
        layout[:] = h5py.VirtualSource(tmp_path / "b.mat", "images", (3, 4, 5))
        file.create_virtual_dataset("virtual", layout)
    with HDF5(path) as file:
        for name in ("outside", "virtual"):
            with pytest.raises(ReadError, match="an array of this file") as caught:
                file.row(name, 0)
            assert caught.value.cause is Cause.HOSTILE
        with pytest.raises(ReadError, match="`other` in"):
            file.row("other", 0)


@pytest.mark.parametrize("n", [50, pytest.param(3000, marks=pytest.mark.slow)])
def test_a_flipped_bit_is_told_or_read(path, n):
    """Most lie in values, which have no checksum in HDF5."""
    content, refused = path.read_bytes(), 0
    for number, changed in enumerate(flips(content, n)):
        other = path.with_name(f"{number}.mat")  # HDF5 remembers files by their names
        other.write_bytes(changed)
        try:
            read(other)
        except ReadError:
            refused += 1
        other.unlink()
    assert 0 < refused < n


@pytest.mark.parametrize("content", [b"", b"no", b"\x89HDF\r\n\x1a\n" + bytes(600)])
def test_what_is_no_hdf5_file_is_told(path, content):
    path.write_bytes(content)
    with pytest.raises(ReadError, match=r"should be a whole HDF5 file\. Found: it is damaged"):
        HDF5(path)
