"""Each form of NYUv2 is imported as it is; damaged ones are refused, and nothing of them stays."""

import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from slanted_plane import NORMAL, as_bytes

from mtlray.data.nyuv2.importing import import_nyuv2
from mtlray.data.nyuv2.spec import NYUv2
from mtlray.errors import DataError

SMALL = {"n_images": (3, 2)}


def silent(line):
    del line


def imported(path, root, spec, normals=True):
    text = import_nyuv2(path, root, normals=normals, say=silent)
    spec.prepare(root)
    return spec.load(root), text


def whole(split, column):
    n = len(split)
    return column.gather(split.located(torch.arange(n)[None]), torch.float64)[0].numpy()


def test_mtan(mtan, truth, tmp_path):
    dataset, text = imported(mtan, tmp_path / "data", NYUv2(**SMALL))
    assert "3 training and 2 test images, NOT the 795 + 654" in text
    assert "normals: given" in text
    for name, split in (("train", "train"), ("val", "test")):
        found, expected = dataset.splits[split], truth[name]
        assert np.array_equal(np.rint(whole(found, found.inputs) * 255), expected.images.transpose(0, 3, 1, 2))
        assert np.array_equal(whole(found, found.targets["segmentation"]), expected.labels)
        depth = whole(found, found.targets["depth"])[:, 0]
        assert not depth[:, :10].any()
        assert np.abs(depth[:, 10:] - expected.depth[:, 10:]).max() <= 1 / 6400 + 1e-6
        normals = whole(found, found.targets["normals"])
        assert normals.shape[1] == 3
        assert not normals[:, :, :20].any()
        assert np.degrees(np.arccos(np.einsum("ncyx,c->nyx", normals[:, :, 20:], NORMAL))).max() < 0.5


def test_side_files_beside_the_arrays_are_passed_over(mtan, tmp_path):
    plain = import_nyuv2(mtan, tmp_path / "plain", normals=True, say=silent)
    for path in list(mtan.rglob("*.npy")):
        path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7")
    (mtan / "train" / "image" / ".DS_Store").write_bytes(b"x")
    beside = import_nyuv2(mtan, tmp_path / "beside", normals=True, say=silent)
    assert beside.replace("/beside/", "/plain/") == plain


def test_a_zip_with_endings_in_capitals_and_side_files_is_the_same_data(zipped, tmp_path):
    plain = tmp_path / "NYU.ZIP"
    with zipfile.ZipFile(zipped) as old, zipfile.ZipFile(plain, "w") as new:
        for name in old.namelist():
            new.writestr(name.replace(".jpg", ".JPG").replace(".png", ".PNG"), old.read(name))
            new.writestr(f"__MACOSX/{name}", b"\0\5\26\7")
            folder, _, file = name.rpartition("/")
            new.writestr(f"{folder}/._{file}", b"\0\5\26\7")
    import_nyuv2(zipped, tmp_path / "a", normals=False, say=silent)
    import_nyuv2(plain, tmp_path / "b", normals=False, say=silent)
    arrays = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*.npy"))
    assert arrays
    assert all((tmp_path / "a" / p).read_bytes() == (tmp_path / "b" / p).read_bytes() for p in arrays)


def test_the_legacy_mask_is_where_there_is_a_depth(mtan, tmp_path):
    dataset, _ = imported(mtan, tmp_path / "data", NYUv2(mask="legacy2019", **SMALL))
    split = dataset.splits["train"]
    depth, normals = whole(split, split.targets["depth"]), whole(split, split.targets["normals"])
    assert np.array_equal(normals[:, 3], (depth[:, 0] != 0).astype(float))
    assert not normals[:, :3, 10:20].any()  # a depth and no normal: in this mask


def test_zip(zipped, truth, tmp_path):
    dataset, text = imported(zipped, tmp_path / "data", NYUv2(source="288-jpeg-depth8", **SMALL))
    assert "nyuv2:288-jpeg-depth8 (JPEG images and 8-bit depth at 288x384, NOT the official files)" in text
    assert "normals: computed from depth" in text
    found, expected = dataset.splits["train"], truth["train"]
    assert np.array_equal(whole(found, found.targets["segmentation"]), expected.labels)
    assert np.abs(whole(found, found.targets["depth"])[:, 0] - expected.depth).max() <= 5 / 255 + 1e-3
    normals = whole(found, found.targets["normals"])[:, :, 20:-20, 20:-20]
    assert np.degrees(np.arccos(np.einsum("ncyx,c->nyx", normals, NORMAL).clip(-1, 1))).max() < 5


def test_mat(mat, tmp_path):
    import h5py

    spec = NYUv2(source="mat", val_images=1, **SMALL)
    dataset, text = imported(mat, tmp_path / "data", spec)
    assert "not the official file, which has 2,972,037,809 bytes" in text
    with h5py.File(mat / "nyu_depth_v2_labeled.mat") as file:
        images, depths, labels = (file[name][:] for name in ("images", "depths", "labels"))
    order = [1, 2, 3]  # 700 is not in this file
    val = dataset.splits["val"]
    assert (len(val), len(dataset.splits["train"])) == (1, 2)
    assert val.rows.tolist() == [0]  # image 2 is alone in its scene among the training images
    rows = np.minimum((np.arange(288) + 0.5) * 427 / 288, 426).astype(int) + 44
    columns = np.minimum((np.arange(384) + 0.5) * 561 / 384, 560).astype(int) + 40
    everything = dataset.splits["train"].targets
    depth = everything["depth"].gather(torch.arange(3)[None], torch.float64)[0, :, 0].numpy()
    expected = depths.transpose(0, 2, 1)[order][:, rows][:, :, columns]
    assert np.abs(depth - expected).max() <= 1 / 6400 + 1e-6
    to13 = np.concatenate([[0], np.concatenate([[0], np.arange(40) % 14])[np.arange(894) % 40 + 1]]) - 1
    found = everything["segmentation"].gather(torch.arange(3)[None], torch.float64)[0].numpy()
    assert np.array_equal(found, to13[labels.transpose(0, 2, 1)[order][:, rows][:, :, columns]])
    picture = Image.fromarray(images[1].transpose(2, 1, 0)).crop((40, 44, 601, 471)).resize((384, 288), Image.BICUBIC)
    first = dataset.splits["train"].inputs.values[0].numpy().transpose(1, 2, 0)
    assert np.array_equal(first, np.asarray(picture))


def damage_mtan(folder, kind):
    file = {part: folder / "train" / part / "1.npy" for part in ("image", "label", "depth", "normal")}
    if kind == "folder":
        shutil.rmtree(folder / "val" / "normal")
    elif kind == "number":
        file["depth"].unlink()
    elif kind == "truncated":
        file["image"].write_bytes(file["image"].read_bytes()[:5000])
    elif kind == "class":
        np.save(file["label"], np.full((288, 384), 13))
    elif kind == "half":
        np.save(file["label"], np.full((288, 384), 0.5))
    elif kind == "negative":
        np.save(file["depth"], np.full((288, 384, 1), -1.0))
    elif kind == "nan":
        np.save(file["depth"], np.full((288, 384, 1), np.nan))
    elif kind == "size":
        np.save(file["depth"], np.ones((480, 640, 1)))
    elif kind == "length":
        np.save(file["normal"], np.ones((288, 384, 3)))
    elif kind == "range":
        np.save(file["image"], np.full((288, 384, 3), -0.5))
    elif kind == "objects":
        np.save(file["image"], np.array([{}]), allow_pickle=True)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("folder", "no folder `.*normal`"),
        ("number", r"3 images and 2 files of `train/depth`, which differ in 1"),
        (
            "truncated",
            r"1.npy` should be an array .* damaged \(4,872 bytes of values where its header asks for 1,327,104\)",
        ),
        ("class", r"The label of `train/1` should be classes from 0 to 12, or -1 for none. Found 13"),
        ("half", "labels of `train/1` that are no whole numbers"),
        ("negative", r"The depth of `train/1` should lie between 0 \(none\) and 10.24 metres. Found -1 to -1"),
        ("nan", "The depth of `train/1` should be finite"),
        ("size", "The depth of `train/1` should be 288x384. Found 480x640"),
        ("length", "The normal of `train/1` should be unit vectors"),
        ("range", "the image of `train/1` ranges from -0.5"),
        ("objects", r"1.npy` should be an array of numbers .* of a kind that cannot be read \(it holds \|O\)"),
    ],
)
def test_damaged_folders_are_refused_and_leave_nothing(mtan, tmp_path, kind, message):
    damage_mtan(mtan, kind)
    assert_refused(mtan, tmp_path / "data", message)


def assert_refused(path, root, message):
    with pytest.raises(DataError, match=message):
        import_nyuv2(path, root, normals=True, say=silent)
    assert not [p for p in root.rglob("*") if p.suffix in {".npy", ".json", ".tmp"}]


def test_truncated_and_damaged_zip(zipped, tmp_path):
    content = zipped.read_bytes()
    zipped.write_bytes(content[: len(content) // 2])
    assert_refused(zipped, tmp_path / "data", "should be a whole zip file")
    damaged = bytearray(content)
    damaged[len(content) // 3] ^= 255
    zipped.write_bytes(damaged)
    assert_refused(
        zipped, tmp_path / "data", r"`train/image/0001.jpg` in .* should be a whole file. Found: it is damaged"
    )


def test_zip_with_a_picture_missing_or_a_wrong_class(zipped, tmp_path):
    with zipfile.ZipFile(zipped, "a") as file:
        file.writestr("val/image/0002.jpg", b"")
    assert_refused(zipped, tmp_path / "data", "3 images in `val` and no `val/depth/0002.png`")
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(zipped) as old, zipfile.ZipFile(other, "w") as new:
        for name in old.namelist():
            if name != "val/image/0002.jpg":
                wrong = name == "val/label13/0001.png"
                new.writestr(name, as_bytes(np.full((288, 384), 40, np.uint8), "png") if wrong else old.read(name))
    assert_refused(other, tmp_path / "data", "The label of `val/0001` should be classes")


def test_truncated_mat_and_missing_companions(mat, tmp_path):
    file = mat / "nyu_depth_v2_labeled.mat"
    content = file.read_bytes()
    file.write_bytes(content[:2_000_000])
    assert_refused(
        mat, tmp_path / "data", r"nyu_depth_v2_labeled.mat` should be a whole HDF5 file. Found: it is damaged"
    )
    file.write_bytes(content)
    (mat / "splits.mat").write_bytes(b"no")
    assert_refused(
        mat, tmp_path / "data", "splits.mat` should be a MATLAB file of version 5 to 7. Found: it is damaged"
    )
    (mat / "splits.mat").unlink()
    assert_refused(file, tmp_path / "data", "Missing: splits.mat")


def test_something_else_is_no_nyuv2(tmp_path):
    assert_refused(tmp_path, tmp_path / "data", "should be mtan's folder")
    assert_refused(tmp_path / "nowhere", tmp_path / "data", "Found nothing there")


def test_a_full_disk_is_told_before_anything_is_written(mtan, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "mtlray.data.files.prepared.shutil.disk_usage", lambda path: shutil._ntuple_diskusage(1, 1, 1000)
    )
    assert_refused(mtan, tmp_path / "data", r"needs 995,328 bytes, 1,000 are free.*Free space there")


def test_imported_once(mtan, tmp_path):
    import_nyuv2(mtan, tmp_path / "data", normals=False, say=silent)
    with pytest.raises(DataError, match="should be imported once"):
        import_nyuv2(mtan, tmp_path / "data", normals=False, say=silent)
    NYUv2(task_names=("depth",), **SMALL).load(tmp_path / "data")
    with pytest.raises(DataError, match="imported without normals"):
        NYUv2(**SMALL).load(tmp_path / "data")
    with pytest.raises(
        DataError, match=r"795 training and 654 test images. Found 3 and 2 .* `NYUv2\(n_images=\(3, 2\)\)`"
    ):
        NYUv2(task_names=("depth",)).load(tmp_path / "data")


def test_the_real_four_images_of_the_official_layout(real, tmp_path):
    spec = NYUv2(source="mat", n_images=(2, 2), task_names=("segmentation", "depth"))
    folder = tmp_path / "mat"
    folder.mkdir()
    for name in ("splits.mat", "classMapping40.mat", "class13Mapping.mat"):
        shutil.copy(real / name, folder / name)
    shutil.copy(real / "nyu_depth_v2_labeled.mini4.mat", folder / "nyu_depth_v2_labeled.mat")
    dataset, _ = imported(folder, tmp_path / "data", spec, normals=False)
    with zipfile.ZipFile(real / "nyuv2_288x384.zip") as file:
        for split, there, i in (("train", "train", 0), ("train", "train", 1), ("test", "val", 0), ("test", "val", 1)):
            codes, labels = (
                np.asarray(Image.open(file.open(f"{there}/{part}/{i:04d}.png"))).astype(int)
                for part in ("depth", "label13")
            )
            found = dataset.splits[split]
            depth = whole(found, found.targets["depth"])[i, 0]
            classes = whole(found, found.targets["segmentation"])[i]
            assert np.abs(depth - (codes + 0.5) * 10 / 255).max() < 0.06
            both = (classes >= 0) & (labels != 255)
            assert both.mean() > 0.6
            assert np.array_equal(classes[both], labels[both])


@pytest.mark.slow
def test_the_real_pictures(real, tmp_path):
    spec = NYUv2(source="288-jpeg-depth8", task_names=("segmentation", "depth"), downscale=4, val_images=80)
    dataset, _ = imported(real / "nyuv2_288x384.zip", tmp_path / "data", spec, normals=False)
    assert [len(dataset.splits[name]) for name in ("train", "val", "test")] == [715, 80, 654]
    shares = np.bincount(dataset.splits["test"].targets["segmentation"].values.numpy().ravel() + 1, minlength=14)
    assert 100 * shares[0] / shares.sum() == pytest.approx(12.0, abs=0.1)
    assert 100 * shares[12] / shares.sum() == pytest.approx(22.9, abs=0.1)  # wall
