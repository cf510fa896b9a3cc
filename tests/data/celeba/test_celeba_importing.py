"""CelebA in its official layout is imported exactly; what is not the published one leaves nothing."""

import hashlib
import io
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from mtlray.data import CelebA
from mtlray.data.celeba import lists
from mtlray.data.celeba.importing import import_celeba
from mtlray.data.celeba.lists import ARCHIVE, ATTRIBUTE_LIST, ATTRIBUTES, MD5, PART_LIST
from mtlray.errors import DataError

N = 10
PARTS = [0, 0, 0, 0, 0, 1, 1, 2, 2, 2]
YES = np.random.default_rng(0).integers(0, 2, (N, 40))


def names():
    return [f"{i + 1:06d}.jpg" for i in range(N)]


def picture(i):
    """A picture of CelebA's size in one colour, its upper half darker."""
    pixels = np.full((218, 178, 3), (20 * i, 100, 40), np.uint8)
    pixels[:109] //= 2
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg", quality=95)
    return buffer.getvalue()


def attribute_list(attributes=ATTRIBUTES, n=N):
    rows = [f"{name} " + " ".join(" 1" if yes else "-1" for yes in YES[i]) for i, name in enumerate(names()[:n])]
    return "\n".join([str(N), " ".join(attributes) + " ", *rows]) + "\n"


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """The official files with ten pictures, taken for the published ones."""
    folder = tmp_path / "celeba"
    folder.mkdir()
    (folder / ATTRIBUTE_LIST).write_text(attribute_list())
    (folder / PART_LIST).write_text("".join(f"{name} {part}\n" for name, part in zip(names(), PARTS, strict=True)))
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        for i, name in enumerate(names()):
            archive.writestr(f"img_align_celeba/{name}", picture(i))
    published(folder, monkeypatch)
    return folder


def published(folder, monkeypatch):
    marks = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in MD5 if (folder / name).is_file()}
    monkeypatch.setattr(lists, "MD5", {**MD5, **marks})


def imported(folder, root, size=32):
    return import_celeba(folder, root, size=size, say=lambda line: None)


def check_content(root):
    dataset = CelebA(image_size=32, n_images=(5, 2, 3)).load(root)
    at = 0
    for split in ("train", "val", "test"):
        examples = dataset.splits[split]
        for i in range(len(examples)):
            image = examples.inputs.gather(torch.tensor([[i]]), torch.float64)[0, 0] * 255
            assert image[0, 24:].mean().item() == pytest.approx(20 * at, abs=3)
            assert image[1, :8].mean().item() == pytest.approx(50, abs=3)
            assert [int(examples.targets[name].values[i]) for name in ATTRIBUTES] == YES[at].tolist()
            at += 1
    assert at == N


def test_the_official_files(brought, tmp_path):
    text = imported(brought, tmp_path / "root")
    assert "5 training, 2 validation and 3 test pictures of 32 pixels; all files have the published checksums" in text
    check_content(tmp_path / "root")
    with pytest.raises(DataError, match="CelebA of 32 pixels should be imported once"):
        imported(brought, tmp_path / "root")
    with pytest.raises(DataError, match=r"Found 5, 2, 3 in .*Write `CelebA\(n_images=\(5, 2, 3\)\)`"):
        CelebA(image_size=32).load(tmp_path / "root")


def test_the_folders_of_the_authors_drive_with_pictures_unpacked(brought, tmp_path):
    for name, folder in ((ATTRIBUTE_LIST, "Anno"), (PART_LIST, "Eval")):
        (brought / folder).mkdir()
        (brought / name).rename(brought / folder / name)
    shutil.unpack_archive(brought / ARCHIVE, brought / "Img")
    (brought / ARCHIVE).unlink()
    assert "which pictures in a folder have not" in imported(brought, tmp_path / "root")
    check_content(tmp_path / "root")


def test_attributes_in_another_order_are_the_same(brought, tmp_path, monkeypatch):
    rows = [f"{name} " + " ".join("1" if yes else "-1" for yes in YES[i][::-1]) for i, name in enumerate(names())]
    (brought / ATTRIBUTE_LIST).write_text("\n".join([str(N), " ".join(ATTRIBUTES[::-1]), *rows]) + "\n")
    published(brought, monkeypatch)
    imported(brought, tmp_path / "root")
    check_content(tmp_path / "root")


def refused(brought, root, message):
    with pytest.raises(DataError, match=message) as caught:
        imported(brought, root)
    assert "Nothing was imported." in str(caught.value)
    assert not [path for path in root.rglob("*") if path.suffix in {".npy", ".json", ".tmp"}]


@pytest.mark.parametrize("name", list(MD5))
def test_a_wrong_checksum(brought, tmp_path, name, monkeypatch):
    monkeypatch.setattr(lists, "MD5", {**lists.MD5, name: MD5[name]})
    refused(brought, tmp_path / "root", rf"published {name} with md5 {MD5[name]}. Found: another content, md5 \w{{32}}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (attribute_list([name for name in ATTRIBUTES if name != "Smiling"]), "Found: no attribute Smiling"),
        (attribute_list([*ATTRIBUTES, "Happy"]), "Found: 41 attributes in its second line"),
        (attribute_list(n=7), "7 where its first line says 10"),
        (attribute_list().replace("-1", " 0", 1), "line 3 has not a 1 or -1 for each attribute"),
        ("", "no bytes"),
        ("<html>", "it is a web page"),
    ],
    ids=["missing", "more", "short", "zero", "empty", "page"],
)
def test_a_list_of_attributes_that_is_not_whole(brought, tmp_path, content, message):
    (brought / ATTRIBUTE_LIST).write_text(content)
    refused(brought, tmp_path / "root", message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("".join(f"{name} 0\n" for name in names()), "none for val"),
        ("".join(f"{name} 3\n" for name in names()), "has part 3, which is not 0, 1 or 2"),
        ("000001.jpg 0\n", r"`000002.jpg` in one only"),
    ],
    ids=["no val", "part 3", "short"],
)
def test_a_list_of_parts_that_does_not_fit(brought, tmp_path, content, message):
    (brought / PART_LIST).write_text(content)
    refused(brought, tmp_path / "root", message)


def test_a_truncated_archive(brought, tmp_path):
    content = (brought / ARCHIVE).read_bytes()
    (brought / ARCHIVE).write_bytes(content[: len(content) // 2])
    refused(brought, tmp_path / "root", rf"{ARCHIVE}` should be a whole zip file. Found: it is damaged")


def test_pictures_that_are_missing_or_damaged(brought, tmp_path):
    shutil.unpack_archive(brought / ARCHIVE, brought)
    (brought / ARCHIVE).unlink()
    last = brought / "img_align_celeba" / names()[-1]
    last.write_bytes(last.read_bytes()[:500])
    refused(brought, tmp_path / "root", r"`000010.jpg` should be a picture. Found: it is damaged")
    last.unlink()
    refused(brought, tmp_path / "root", r"1 of 10 that are not there, such as 000010.jpg")
    shutil.rmtree(brought / "img_align_celeba")
    refused(brought, tmp_path / "root", rf"a folder with {ARCHIVE}, or with it unpacked. Found: neither")
    (brought / PART_LIST).unlink()
    refused(brought, tmp_path / "root", rf"a folder with {PART_LIST}")


def test_checksums_are_those_of_torchvision():
    from torchvision.datasets import CelebA as Theirs

    theirs = {name: md5 for _, md5, name in Theirs.file_list}
    assert {name: theirs[name] for name in MD5} == dict(MD5)
    assert len(ATTRIBUTES) == 40
    assert list(ATTRIBUTES) == sorted(ATTRIBUTES), "the official order is that of the alphabet"
