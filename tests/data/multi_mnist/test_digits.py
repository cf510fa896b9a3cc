"""Sources of digits: official files are checked before anything is copied."""

import gzip
import hashlib
import struct

import numpy as np
import pytest

from mtlray.data.multi_mnist import digits
from mtlray.data.multi_mnist.digits import MNIST_FILES, SOURCES, import_mnist, mnist_folder
from mtlray.errors import DataError


def test_mnist5k_has_five_hundred_digits_a_class(tmp_path):
    train, test = SOURCES["mnist5k"].read(tmp_path)
    assert (len(train), len(test)) == (SOURCES["mnist5k"].n_train, SOURCES["mnist5k"].n_test) == (4_000, 1_000)
    assert train.images.shape == (4_000, 28, 28)
    assert train.images.dtype == test.labels.dtype == np.uint8
    counts = np.bincount(train.labels, minlength=10) + np.bincount(test.labels, minlength=10)
    assert counts.tolist() == [500] * 10


@pytest.fixture
def tiny_mnist(tmp_path, monkeypatch):
    """Four files in MNIST's format with a few digits, taken for the official ones."""
    folder = tmp_path / "download"
    folder.mkdir()
    marks = {}
    for name in MNIST_FILES:
        n = 6 if name.startswith("train") else 3
        if "images" in name:
            data = struct.pack(">IIII", 0x803, n, 28, 28) + bytes(range(n)) * 784
        else:
            data = struct.pack(">II", 0x801, n) + bytes(range(n))
        (folder / name).write_bytes(gzip.compress(data, mtime=0))
        marks[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    monkeypatch.setattr(digits, "MNIST_FILES", marks)
    monkeypatch.setattr("torchvision.datasets.MNIST.resources", list(marks.items()))
    return folder


def test_import_copies_and_reads(tiny_mnist, tmp_path):
    root = tmp_path / "root"
    assert import_mnist(tiny_mnist, root) == mnist_folder(root)
    assert sorted(p.name for p in mnist_folder(root).iterdir()) == sorted(MNIST_FILES)
    train, test = digits.read_mnist(root)
    assert train.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert test.labels.tolist() == [0, 1, 2]
    assert train.images.shape == (6, 28, 28)
    assert import_mnist(tiny_mnist, root) == mnist_folder(root), "importing again is harmless"


def test_reading_writes_nothing_and_no_unpacked_file_counts(tiny_mnist, tmp_path):
    folder = import_mnist(tiny_mnist, tmp_path / "root")
    (folder / "train-labels-idx1-ubyte").write_bytes(b"unpacked from another copy")
    before = sorted(folder.iterdir())
    assert digits.read_mnist(tmp_path / "root")[0].labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert sorted(folder.iterdir()) == before


def test_import_of_a_folder_without_all_files(tiny_mnist, tmp_path):
    (tiny_mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as caught:
        import_mnist(tiny_mnist, tmp_path / "root")
    assert str(caught.value) == (
        f"`{tiny_mnist}` should hold the four official MNIST files. Missing: t10k-labels-idx1-ubyte.gz. "
        "They are named in `mtlray data list`."
    )
    assert not (tmp_path / "root").exists(), "nothing is copied"


def test_import_of_a_damaged_file(tiny_mnist, tmp_path):
    path = tiny_mnist / "train-images-idx3-ubyte.gz"
    expected = digits.MNIST_FILES[path.name]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError) as caught:
        import_mnist(tiny_mnist, tmp_path / "root")
    assert str(caught.value) == (
        f"`{path}` should be the official MNIST file with md5 {expected}. Found another content: it is damaged or cut "
        "short. Fetch it again, and then run `mtlray data import mnist FOLDER`."
    )
    assert not (tmp_path / "root").exists(), "nothing is copied"


def test_damaged_file_in_place_is_named_and_not_downloaded_again(tiny_mnist, tmp_path):
    import_mnist(tiny_mnist, tmp_path / "root")
    (mnist_folder(tmp_path / "root") / "t10k-images-idx3-ubyte.gz").write_bytes(b"cut")
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte"):
        digits.read_mnist(tmp_path / "root")


def test_no_files_and_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/", "http://127.0.0.1:10/"])
    with pytest.raises(DataError) as caught:
        digits.read_mnist(tmp_path)
    first, second = (
        f"http://127.0.0.1:{port}/train-images-idx3-ubyte.gz: [Errno 111] Connection refused" for port in (9, 10)
    )
    assert str(caught.value) == (
        f"The MNIST files should be in {mnist_folder(tmp_path)} or come from torchvision's mirrors. "
        "Found: `train-images-idx3-ubyte.gz` should come from one of its addresses. "
        f"Found: {first}; {second}. Try again later, or fetch it by hand. "
        "Without a network, fetch the four .gz files elsewhere and run `mtlray data import mnist FOLDER`, "
        'or use the 5,000 digits that need no download: `MultiMNIST(source="mnist5k")`.'
    )


def test_official_files_are_the_official_files(mnist_files, tmp_path):
    import_mnist(mnist_files, tmp_path)
    train, test = digits.read_mnist(tmp_path)
    assert (len(train), len(test)) == (SOURCES["mnist"].n_train, SOURCES["mnist"].n_test)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
