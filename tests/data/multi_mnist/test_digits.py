"""Sources of digits: official files are checked before anything is copied."""

import dataclasses
import gzip
import hashlib
import struct

import numpy as np
import pytest

from mtlray.data.multi_mnist.digits import SOURCES, read_official
from mtlray.data.multi_mnist.official import FASHION, MNIST
from mtlray.errors import DataError


def test_mnist5k_has_five_hundred_digits_a_class(tmp_path):
    train, test = SOURCES["mnist5k"].read(tmp_path)
    assert (len(train), len(test)) == (SOURCES["mnist5k"].n_train, SOURCES["mnist5k"].n_test) == (4_000, 1_000)
    assert train.images.shape == (4_000, 28, 28)
    assert train.images.dtype == test.labels.dtype == np.uint8
    counts = np.bincount(train.labels, minlength=10) + np.bincount(test.labels, minlength=10)
    assert counts.tolist() == [500] * 10


@pytest.fixture
def tiny_mnist(tmp_path):
    """Four files in MNIST's format with a few digits, and the collection whose official ones they are."""
    folder = tmp_path / "download"
    folder.mkdir()
    marks = {}
    for name in MNIST.md5:
        n = 6 if name.startswith("train") else 3
        if "images" in name:
            data = struct.pack(">IIII", 0x803, n, 28, 28) + bytes(range(n)) * 784
        else:
            data = struct.pack(">II", 0x801, n) + bytes(range(n))
        (folder / name).write_bytes(gzip.compress(data, mtime=0))
        marks[name] = hashlib.md5((folder / name).read_bytes()).hexdigest()
    return folder, dataclasses.replace(MNIST, md5=marks)


def test_import_copies_and_reads(tiny_mnist, tmp_path):
    folder, tiny = tiny_mnist
    root = tmp_path / "root"
    assert tiny.bring(folder, root) == tiny.folder(root) == root / "MNIST" / "raw"
    assert sorted(p.name for p in tiny.folder(root).iterdir()) == sorted(tiny.md5)
    train, test = read_official(tiny, root)
    assert train.labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert test.labels.tolist() == [0, 1, 2]
    assert train.images.shape == (6, 28, 28)
    assert tiny.bring(folder, root) == tiny.folder(root), "importing again is harmless"


def test_reading_writes_nothing_and_no_unpacked_file_counts(tiny_mnist, tmp_path):
    brought, tiny = tiny_mnist
    folder = tiny.bring(brought, tmp_path / "root")
    (folder / "train-labels-idx1-ubyte").write_bytes(b"unpacked from another copy")
    before = sorted(folder.iterdir())
    assert read_official(tiny, tmp_path / "root")[0].labels.tolist() == [0, 1, 2, 3, 4, 5]
    assert sorted(folder.iterdir()) == before


def test_import_of_a_folder_without_all_files(tiny_mnist, tmp_path):
    folder, tiny = tiny_mnist
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as caught:
        tiny.bring(folder, tmp_path / "root")
    assert str(caught.value) == (
        f"`{folder}` should hold the four official MNIST files. Missing: t10k-labels-idx1-ubyte.gz. "
        "They are named in `mtlray data list`."
    )
    assert not (tmp_path / "root").exists(), "nothing is copied"


def test_import_of_a_damaged_file(tiny_mnist, tmp_path):
    folder, tiny = tiny_mnist
    path = folder / "train-images-idx3-ubyte.gz"
    expected = tiny.md5[path.name]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError) as caught:
        tiny.bring(folder, tmp_path / "root")
    assert str(caught.value) == (
        f"`{path}` should be the official MNIST file with md5 {expected}. Found another content: it is damaged or cut "
        "short. Fetch it again, and then run `mtlray data import mnist FOLDER`."
    )
    assert not (tmp_path / "root").exists(), "nothing is copied"


def test_damaged_file_in_place_is_named_and_not_downloaded_again(tiny_mnist, tmp_path):
    folder, tiny = tiny_mnist
    tiny.bring(folder, tmp_path / "root")
    (tiny.folder(tmp_path / "root") / "t10k-images-idx3-ubyte.gz").write_bytes(b"cut")
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte"):
        tiny.read(tmp_path / "root")


def test_no_files_and_no_network(tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/", "http://127.0.0.1:10/"])
    with pytest.raises(DataError) as caught:
        MNIST.read(tmp_path)
    first, second = (
        f"http://127.0.0.1:{port}/train-images-idx3-ubyte.gz: [Errno 111] Connection refused" for port in (9, 10)
    )
    assert str(caught.value) == (
        f"The MNIST files should be in {MNIST.folder(tmp_path)} or come from torchvision's mirrors. "
        "Found: `train-images-idx3-ubyte.gz` should come from one of its addresses. "
        f"Found: {first}; {second}. Try again later, or fetch it by hand. "
        "Without a network, fetch the four .gz files elsewhere and run `mtlray data import mnist FOLDER`, "
        'or use the 5,000 digits that need no download: `MultiMNIST(source="mnist5k")`.'
    )


def test_official_files_are_the_official_files(mnist_files, tmp_path):
    MNIST.bring(mnist_files, tmp_path)
    train, test = read_official(MNIST, tmp_path)
    assert (len(train), len(test)) == (SOURCES["mnist"].n_train, SOURCES["mnist"].n_test)
    assert train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_what_was_compressed_anew_is_taken_where_its_content_is_known(tiny_mnist, tmp_path):
    folder, tiny = tiny_mnist
    contents = {name: hashlib.md5(gzip.decompress((folder / name).read_bytes())).hexdigest() for name in tiny.md5}
    for name in tiny.md5:
        content = gzip.decompress((folder / name).read_bytes())
        (folder / name).write_bytes(gzip.compress(content, 1, mtime=7))
    with pytest.raises(DataError, match="official MNIST file with md5"):
        tiny.bring(folder, tmp_path / "one")
    anew = dataclasses.replace(tiny, content_md5=contents)
    assert read_official(anew, anew.bring(folder, tmp_path / "two").parents[1])[1].labels.tolist() == [0, 1, 2]
    for damaged in (b"no gzip", (folder / name).read_bytes()[:-9], gzip.compress(b"other")):
        (folder / name).write_bytes(damaged)
        with pytest.raises(DataError, match=f"{name}` should be the official MNIST file"):
            anew.bring(folder, tmp_path / "three")


def test_checksums_are_those_of_torchvision():
    import torchvision

    assert dict(torchvision.datasets.MNIST.resources) == dict(MNIST.md5)
    assert dict(torchvision.datasets.FashionMNIST.resources) == dict(FASHION.md5)
    assert list(FASHION.content_md5) == list(FASHION.md5)


def test_fashion_lies_where_torchvision_has_it_and_says_how_it_is_brought(tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.FashionMNIST.mirrors", ["http://127.0.0.1:9/"])
    assert FASHION.folder(tmp_path) == tmp_path / "FashionMNIST" / "raw"
    with pytest.raises(
        DataError, match=r"The Fashion-MNIST files should be in .*run `mtlray data import fashion FOLDER`\.$"
    ):
        FASHION.read(tmp_path)


def test_real_garments_are_taken(fashion_files, tmp_path):
    FASHION.bring(fashion_files, tmp_path)
    assert read_official(FASHION, tmp_path)[0].images.shape == (60_000, 28, 28)
