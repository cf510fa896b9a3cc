"""Normals from depth: planes by hand, holes, and one published map."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image
from slanted_plane import NORMAL, plane

from mtlray.data.nyuv2.normals import CAMERA, normals_from_depth, smoothed


def angle(found, expected):
    return np.degrees(np.arccos((found * expected).sum(-1).clip(-1, 1)))


def test_a_plane_has_one_normal_towards_the_camera():
    found = normals_from_depth(plane(2.0))
    assert angle(found, NORMAL).max() < 0.1
    wall = normals_from_depth(np.full((50, 60), 3.0))
    assert np.abs(wall - [0, 0, -1]).max() < 1e-6


def test_pixels_without_a_depth_have_no_normal_and_do_not_disturb_the_others():
    depth = plane(2.0)
    depth[100:140, 50:90] = 0
    depth[::7, ::5] = 0
    found = normals_from_depth(depth)
    assert not found[depth == 0].any()
    assert angle(found[depth > 0], NORMAL).max() < 0.1


def test_smoothing_stays_within_the_bins_and_helps():
    step = 10 / 255
    true = plane(2.0)
    rounded = (np.floor(true / step) + 0.5) * step
    better = smoothed(rounded, step)
    assert np.abs(better - rounded).max() <= step / 2 + 1e-9
    assert np.abs(better - true).mean() < 0.2 * np.abs(rounded - true).mean()
    before, after = (angle(normals_from_depth(d), NORMAL).mean() for d in (rounded, better))
    assert after < before / 2


def test_against_a_published_map_of_one_image(real):
    with zipfile.ZipFile(real / "nyuv2_288x384.zip") as file:
        code = np.asarray(Image.open(io.BytesIO(file.read("train/depth/0000.png")))).astype(float)
    with zipfile.ZipFile(real / "nyuv2_640x480_lossless18.zip") as file:
        (name,) = [n for n in file.namelist() if "ladicky" in n and n.endswith("0003.png")]
        picture = Image.open(io.BytesIO(file.read(name))).convert("RGB")
    picture = picture.crop((40, 44, 601, 471)).resize((384, 288), Image.NEAREST)
    published = np.asarray(picture)[..., ::-1] / 127.5 - 1
    published /= np.linalg.norm(published, axis=-1, keepdims=True)
    found = angle(normals_from_depth(smoothed((code + 0.5) * 10 / 255, 10 / 255), CAMERA), published)
    assert np.median(found) == pytest.approx(3.9, abs=0.5)
    assert found.mean() == pytest.approx(13.5, abs=1)
