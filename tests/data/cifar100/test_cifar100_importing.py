"""CIFAR-100's official archive is imported exactly; what is not the published one leaves nothing."""

import dataclasses
import os
import shutil

import cifar
import numpy as np
import pytest

from mtlray.data.catalog import sources
from mtlray.data.catalog.importable import IMPORTABLE, ImportOptions
from mtlray.data.cifar100.archive import ARCHIVE, MD5, SUPERCLASSES, read_official
from mtlray.data.cifar100.store import folder_of, import_cifar100
from mtlray.data.files import prepared
from mtlray.errors import DataError, SpecError


@pytest.fixture
def brought(tmp_path):
    return cifar.write(tmp_path, cifar.files())


def check_content(root):
    arrays, _ = prepared.load(folder_of(root))
    for name in ("train", "test"):
        expected = cifar.files()[name]
        rows = expected["data"].reshape(-1, 3, 32, 32)  # red, green and blue, each row by row
        assert np.array_equal(arrays[f"{name}-images"].numpy(), rows)
        assert arrays[f"{name}-fine"].tolist() == expected["fine_labels"]
        assert arrays[f"{name}-coarse"].tolist() == expected["coarse_labels"]


@pytest.mark.parametrize("protocol", [2, 4])
def test_the_official_archive(tmp_path, protocol):
    path, md5 = cifar.write(tmp_path, cifar.files(), protocol)
    text = import_cifar100(path, tmp_path / "root", md5)
    assert "200 training and 100 test pictures; all files have the published checksums" in text
    check_content(tmp_path / "root")
    with pytest.raises(DataError, match="CIFAR-100 should be imported once"):
        import_cifar100(path, tmp_path / "root", md5)


@pytest.mark.parametrize("place", ["beside", "unpacked", "above"])
def test_a_folder_with_it(brought, tmp_path, place):
    path, md5 = brought
    folder = tmp_path / "brought"
    folder.mkdir()
    if place == "beside":
        path.rename(folder / ARCHIVE)
    else:
        shutil.unpack_archive(path, folder)
    import_cifar100(folder / "cifar-100-python" if place == "unpacked" else folder, tmp_path / "root", md5)
    check_content(tmp_path / "root")


def refused(path, root, md5, message):
    with pytest.raises(DataError, match=message) as caught:
        import_cifar100(path, root, md5)
    assert "Nothing was imported." in str(caught.value)
    assert not root.exists()


def test_a_wrong_checksum(brought, tmp_path):
    path, md5 = brought
    root = tmp_path / "root"
    refused(
        path, root, MD5, rf"published {ARCHIVE} with md5 {MD5[ARCHIVE]}. Found: another content, md5 {md5[ARCHIVE]}"
    )
    shutil.unpack_archive(path, tmp_path)
    folder = tmp_path / "cifar-100-python"
    for name in ("train", "test", "meta"):
        expected = rf"published {name} with md5 {MD5[name]}. Found: another content, md5 {md5[name]}"
        refused(folder, root, {**md5, name: MD5[name]}, expected)


def test_an_archive_that_is_cut_short_or_damaged(brought, tmp_path):
    path, md5 = brought
    content = path.read_bytes()
    for cut in (len(content) // 2, len(content) - 4):
        path.write_bytes(content[:cut])
        refused(path, tmp_path / "root", md5, r"python.tar.gz` should be a whole .*Found: it is damaged")
    path.write_bytes(content[:-6] + bytes([content[-6] ^ 1]) + content[-5:])
    refused(path, tmp_path / "root", md5, "it is damaged")
    path.write_bytes(b"")
    refused(path, tmp_path / "root", md5, "no bytes")
    path.write_bytes(b"<!doctype html>")
    refused(path, tmp_path / "root", md5, "it is a web page")


@pytest.mark.parametrize("name", ["train", "test", "meta"])
def test_a_file_that_is_missing(tmp_path, name):
    content = cifar.files()
    del content[name]
    path, md5 = cifar.write(tmp_path, content)
    refused(path, tmp_path / "root", md5, f"no `cifar-100-python/{name}` in it")
    shutil.unpack_archive(path, tmp_path)
    refused(tmp_path / "cifar-100-python", tmp_path / "root", md5, f"{name}` should be .*Found: nothing there")


def test_nothing_is_there(tmp_path):
    refused(tmp_path, tmp_path / "root", MD5, f"the folder cifar-100-python or {ARCHIVE}. Found: neither")


class Command:
    def __reduce__(self):
        return os.mkdir, ("made",)


def spoiled(**changes):
    return {"train": cifar.part(200, 0) | changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": {"data": np.zeros((200, 3072), np.uint8)}}, "no `fine_labels` in it"),
        (spoiled(data=np.zeros((200, 3071), np.uint8)), r"shape \(200, 3071\)"),
        (spoiled(data=np.zeros((200, 3072), np.int16)), "pictures of int16"),
        (spoiled(fine_labels=[0] * 199), r"labels of shape \(199,\) for 200 pictures"),
        (spoiled(coarse_labels=[20] * 200), "a label that is not one of 20 classes"),
        (spoiled(fine_labels=[-1] * 200), "a label that is not one of 100 classes"),
        (spoiled(coarse_labels=["fish"] * 200), "labels of shape"),
        (spoiled(coarse_labels=[0] * 200), "100 classes, 100, 0, 0"),
        (spoiled(filenames=Command()), "posix.mkdir, which is no array"),
        ({"meta": {}}, "other names, or none"),
        ({"meta": {"fine_label_names": cifar.FINE_NAMES, "coarse_label_names": list(SUPERCLASSES)[::-1]}}, "other names"),
        ({"test": ["no dict"]}, "a list and no dict"),
    ],
    ids=[
        *("no labels", "shape", "type", "few labels", "superclass 20", "class -1", "texts", "one superclass", "command"),
        *("no names", "order", "list"),
    ],
)  # fmt: skip
def test_files_that_hold_something_else(tmp_path, monkeypatch, changes, message):
    monkeypatch.chdir(tmp_path)
    path, md5 = cifar.write(tmp_path, {**cifar.files(), **changes})
    refused(path, tmp_path / "root", md5, message)
    assert not (tmp_path / "made").exists()


def test_checksums_are_those_of_torchvision():
    from torchvision.datasets import CIFAR100 as Theirs

    theirs = dict(Theirs.train_list + Theirs.test_list) | {Theirs.meta["filename"]: Theirs.meta["md5"]}
    assert dict(MD5) == theirs | {ARCHIVE: Theirs.tgz_md5}
    assert Theirs.filename == ARCHIVE
    assert list(SUPERCLASSES) == sorted(SUPERCLASSES), "the official order is that of the alphabet"


def test_the_names_of_classes_are_kept(brought, tmp_path):
    path, md5 = brought
    assert read_official(path, md5).fine_names == tuple(cifar.FINE_NAMES)
    import_cifar100(path, tmp_path / "root", md5)
    assert "class_99" in prepared.about(folder_of(tmp_path / "root"))["fine"]


def test_the_data_verbs_know_it(brought, tmp_path, monkeypatch):
    path, md5 = brought
    root = tmp_path / "root"
    fetched = root / "downloads" / "cifar100" / "python"
    fetched.mkdir(parents=True)
    shutil.copy(path, fetched)
    with pytest.raises(DataError, match=r"cifar-100-python/train` should be .*Nothing was imported"):
        sources.prepare_source("cifar100", root, None, lambda line: None)
    listed = sources.describe_sources(root)
    assert "no: mtlray data prepare cifar100, or mtlray data import cifar100 PATH" in listed
    assert f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}, md5 {MD5[ARCHIVE]}" in listed

    known = dataclasses.replace(
        IMPORTABLE["cifar100"], run=lambda path, root, options: import_cifar100(path, root, md5)
    )
    monkeypatch.setattr(sources, "IMPORTABLE", {**IMPORTABLE, "cifar100": known})
    assert "200 training and 100 test pictures" in sources.prepare_source("cifar100", root, None, lambda line: None)
    check_content(root)
    assert "32px: fingerprint " in sources.verify_source("cifar100", root)
    assert "`mtlray data verify cifar100` compares its bytes" in sources.describe_sources(root)


def test_options_without_use_are_refused(brought, tmp_path):
    with pytest.raises(SpecError, match="import cifar100` has no use for --size"):
        sources.import_source("cifar100", brought[0], tmp_path / "root", ImportOptions(size=32))
