"""Published normals are taken as they are, whichever way their axes point, and only where they fit the depths."""

import gzip
import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest
import scipy.io
import torch
from slanted_plane import as_bytes

from mtlray.data.nyuv2.importing import import_nyuv2
from mtlray.data.nyuv2.spec import NYUv2
from mtlray.errors import DataError

H, W = 480, 640
CAMERA = (518.857901, 519.469611, 325.582449, 253.736166)
# Of images 1 to 4, towards the camera; together they tell the three axes apart.
NORMALS = np.array([[0.7, 0.1, -0.8], [-0.2, 0.8, -0.6], [0.3, -0.5, -0.8], [0.1, -0.7, -0.5]])
NORMALS /= np.linalg.norm(NORMALS, axis=1, keepdims=True)


def depth_of(normal):
    """Of the plane with this normal, 3 metres ahead, as seen by the official camera."""
    fx, fy, cx, cy = CAMERA
    u, v = np.meshgrid(np.arange(W), np.arange(H))
    ray = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones((H, W))], axis=-1)
    return np.clip(3 * normal[2] / np.minimum(ray @ normal, -0.3), 0.5, 10).astype(np.float32)


@pytest.fixture
def rooms(tmp_path):
    """The official file with four images of a plane each; 1, 2 and 4 are for training."""
    h5py = pytest.importorskip("h5py")
    folder = tmp_path / "mat"
    folder.mkdir()
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = np.zeros((4, 3, W, H), np.uint8)
        file["depths"] = np.stack([depth_of(normal).T for normal in NORMALS])
        file["labels"] = np.ones((4, W, H), np.uint16)
    split = {"trainNdxs": np.array([[1], [2], [4]]), "testNdxs": np.array([[3]])}
    scipy.io.savemat(folder / "splits.mat", split)
    scipy.io.savemat(folder / "classMapping40.mat", {"mapClass": np.arange(894)[None] % 40 + 1})
    scipy.io.savemat(folder / "class13Mapping.mat", {"classMapping13": {"labels13": np.arange(40)[None] % 14}})
    return folder


def eigen(path, vectors, images=range(4)):
    """normals_gt.tgz: a colour map and a mask for each image, which has no normals in its upper quarter."""
    with tarfile.open(path, "w:gz") as tar:
        for i in images:
            colours = np.broadcast_to(np.rint((vectors[i] + 1) * 127.5).astype(np.uint8), (H, W, 3)).copy()
            mask = np.full((H, W), 255, np.uint8)
            mask[: H // 4] = 0
            for part, array in (("normals", colours), ("masks", mask)):
                content = as_bytes(array, "png")
                entry = tarfile.TarInfo(f"normals_gt/{part}/{i:04d}.png")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return path


def ladicky(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("surfacenormal_metadata/all_normals.pklz", gzip.compress(pickle.dumps(content, 2), 1))
    return path


def arrays(vectors):
    masks = np.ones((4, H, W), np.float32)
    masks[:, : H // 4] = 0
    return {
        "all_normals": np.broadcast_to(vectors[:, None, None].astype(np.float32), (4, H, W, 3)).copy(),
        "all_valid_depth_masks": masks,
        "all_filenames": [f"{i:06d}" for i in range(1, 5)],
    }


def imported(rooms, archive, root, source):
    text = import_nyuv2(rooms, root, normals=archive, say=lambda line: None)
    spec = NYUv2(source=source, n_images=(3, 1))
    column = spec.load(root).splits
    found = {
        name: split.targets["normals"].gather(split.located(torch.arange(len(split))[None]), torch.float64)[0].numpy()
        for name, split in column.items()
        if name != "val"
    }
    return text, spec, found


def assert_the_normals(found):
    for name, expected in (("train", NORMALS[[0, 1, 3]]), ("test", NORMALS[[2]])):
        normals = found[name]
        # The crop begins at row 44 of 480; the mask ends at 120.
        rows = round((120 - 44) * 288 / 427)
        assert not normals[:, :, : rows - 1].any()
        cosine = np.einsum("ncyx,nc->nyx", normals[:, :, rows + 1 :], expected)
        assert np.degrees(np.arccos(cosine.clip(-1, 1))).max() < 1


def test_pictures_of_normals_with_other_axes(rooms, tmp_path):
    archive = eigen(tmp_path / "normals_gt.tgz", NORMALS[:, [0, 2, 1]] * [1, -1, 1])
    text, spec, found = imported(rooms, archive, tmp_path / "data", "mat-eigen")
    assert_the_normals(found)
    axes = "x, y, z are its channel 1, channel 3, -channel 2"
    assert f"normals: of normals_gt.tgz (Eigen and Fergus 2015); {axes}" in text
    assert spec.origin == "nyuv2:mat-eigen (the official file; normals of normals_gt.tgz (Eigen and Fergus 2015))"


def test_arrays_of_normals_that_point_away(rooms, tmp_path):
    archive = ladicky(tmp_path / "normals.zip", arrays(-NORMALS))
    text, spec, found = imported(rooms, archive, tmp_path / "data", "mat-ladicky")
    assert_the_normals(found)
    assert "x, y, z are its -channel 1, -channel 2, -channel 3" in text
    assert "nyuv2:mat-ladicky" in spec.origin
    import_nyuv2(rooms, tmp_path / "data", normals=True, say=lambda line: None)
    assert NYUv2(source="mat", n_images=(3, 1)).load(tmp_path / "data"), "beside those computed from depth"


class Command:
    def __reduce__(self):
        return os.mkdir, ("made",)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("order", r"a mean cosine of 0.70 for the best choice of axes"),
        ("missing", r"no `normals_gt/masks/0002.png`"),
        ("cut short", "should be a whole tar file. Found: it is damaged"),
        ("nowhere", "Found: nothing there"),
        ("no pickle", "should be a whole zip file. Found: it is damaged"),
        ("no array", "all_valid_depth_masks"),
        ("command", r"posix.mkdir, which is no array"),
    ],
)
def test_normals_that_do_not_fit(rooms, tmp_path, kind, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive = tmp_path / "normals.tgz"
    if kind == "order":
        eigen(archive, NORMALS[[0, 2, 1, 3]])
    elif kind == "missing":
        eigen(archive, NORMALS, images=(0, 1, 3))
    elif kind == "cut short":
        archive.write_bytes(eigen(archive, NORMALS).read_bytes()[:-500])
    elif kind == "no pickle":
        archive = tmp_path / "normals.zip"
        archive.write_bytes(b"no zip")
    elif kind == "no array":
        archive = ladicky(tmp_path / "normals.zip", {"all_normals": np.zeros(3)})
    elif kind == "command":
        archive = ladicky(tmp_path / "normals.zip", {"all_normals": Command()})
    with pytest.raises(DataError, match=message) as caught:
        import_nyuv2(rooms, tmp_path / "data", normals=archive, say=lambda line: None)
    assert "Nothing was imported." in str(caught.value)
    assert not list(tmp_path.rglob("*.npy"))
    assert not (tmp_path / "made").exists()
