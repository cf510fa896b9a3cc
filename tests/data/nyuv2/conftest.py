"""Small copies of NYUv2 in each of its forms, made of a slanted plane and random colours and classes."""

import os
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.io
from places import ROOT
from slanted_plane import NORMAL, H, W, as_bytes, plane

COUNTS = {"train": 3, "val": 2}


@dataclass
class Truth:
    """What the samples of a split hold, `[image, ...]`."""

    images: np.ndarray
    depth: np.ndarray
    labels: np.ndarray


@pytest.fixture(scope="session")
def truth():
    rng = np.random.default_rng(0)
    made = {}
    for split, n in COUNTS.items():
        blocks = rng.integers(-1, 13, (n, H // 48, W // 48))
        made[split] = Truth(
            images=rng.integers(0, 256, (n, H, W, 3), dtype=np.uint8),
            depth=np.stack([plane(2 + 0.5 * i) for i in range(n)]),
            labels=blocks.repeat(48, axis=1).repeat(48, axis=2).astype(np.int16),
        )
    return made


@pytest.fixture
def mtan(tmp_path, truth):
    """mtan's folders; depth has holes, and so have the normals."""
    folder = tmp_path / "mtan"
    for split, t in truth.items():
        for part in ("image", "label", "depth", "normal"):
            (folder / split / part).mkdir(parents=True)
        for i in range(COUNTS[split]):
            depth, normal = t.depth[i].copy(), np.broadcast_to(NORMAL, (H, W, 3)).copy()
            depth[:10], normal[:20] = 0, 0
            np.save(folder / split / "image" / f"{i}.npy", (t.images[i] / 255).astype(np.float32))
            np.save(folder / split / "label" / f"{i}.npy", t.labels[i].astype(np.float64))
            np.save(folder / split / "depth" / f"{i}.npy", depth[..., None].astype(np.float32))
            np.save(folder / split / "normal" / f"{i}.npy", normal)
    return folder


@pytest.fixture
def zipped(tmp_path, truth):
    """The zip of 288x384 pictures."""
    path = tmp_path / "nyuv2.zip"
    with zipfile.ZipFile(path, "w") as file:
        for split, t in truth.items():
            for i in range(COUNTS[split]):
                code = np.floor(t.depth[i] * 25.5).astype(np.uint8)
                labels = np.where(t.labels[i] < 0, 255, t.labels[i]).astype(np.uint8)
                file.writestr(f"{split}/image/{i:04d}.jpg", as_bytes(t.images[i], "jpeg"))
                file.writestr(f"{split}/depth/{i:04d}.png", as_bytes(code, "png"))
                file.writestr(f"{split}/label13/{i:04d}.png", as_bytes(labels, "png"))
    return path


@pytest.fixture
def mat(tmp_path):
    """The official file with five images, in scenes 0 0 1 1 2, and its companions; classes 1 to 40 are 894 ones modulo 40."""
    h5py = pytest.importorskip("h5py")
    folder = tmp_path / "mat"
    folder.mkdir()
    rng = np.random.default_rng(1)
    with h5py.File(folder / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = rng.integers(0, 256, (5, 3, 640, 480), dtype=np.uint8)
        file["depths"] = rng.uniform(1, 9, (5, 640, 480)).astype(np.float32)
        file["labels"] = rng.integers(0, 895, (5, 640, 480), dtype=np.uint16)
        names = ["kitchen_0001", "kitchen_0001", "study_0002", "study_0002", "bath_0003"]
        for i, name in enumerate(names):
            file[f"names/{i}"] = np.array([[ord(c)] for c in name], np.uint16)
        file["scenes"] = np.array([[file[f"names/{i}"].ref for i in range(5)]], dtype=h5py.ref_dtype)
    train, test = np.array([[2], [3], [4], [700]]), np.array([[1], [5], [900]])
    scipy.io.savemat(folder / "splits.mat", {"trainNdxs": train, "testNdxs": test})
    scipy.io.savemat(folder / "classMapping40.mat", {"mapClass": np.arange(894)[None] % 40 + 1})
    scipy.io.savemat(folder / "class13Mapping.mat", {"classMapping13": {"labels13": np.arange(40)[None] % 14}})
    return folder


@pytest.fixture(scope="session")
def real():
    """The folder with the real files, where there is one."""
    root = ROOT
    folder = (root / os.environ.get("MTLRAY_TEST_DATA", "../shared/data")).resolve() / "nyuv2"
    if not (folder / "splits.mat").is_file():
        pytest.skip(f"the real NYUv2 files are not in {folder}; MTLRAY_TEST_DATA names another place")
    return folder
