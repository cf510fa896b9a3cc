"""NYUv2 as a spec: names, sizes without the data, the reduced arrays, and what is said where the data is missing."""

import numpy as np
import pytest
import torch

from mtlray.data.nyuv2.importing import import_nyuv2
from mtlray.data.nyuv2.spec import NYUv2
from mtlray.errors import DataError, SpecError
from mtlray.identity.codec import encode


def test_labels_tell_variants_apart():
    assert NYUv2().label == "nyuv2-mtan"
    spec = NYUv2("mat", ("depth",), "legacy2019", True, 4, 80, (100, 50), 3)
    assert spec.label == "nyuv2-depth-mat-legacy2019-augmented-72x96-100+50-val80-data3"


def test_sizes_are_known_without_the_data():
    spec = NYUv2(val_images=80, downscale=2)
    assert [spec.n_examples(split) for split in ("train", "val", "test")] == [715, 80, 654]
    assert spec.input_shape == (3, 144, 192)
    assert [task.output_shape for task in spec.tasks] == [(13, 144, 192), (1, 144, 192), (3, 144, 192)]
    assert encode(spec)["n_images"] == [795, 654]


@pytest.mark.parametrize("downscale", [1, 2, 4, 8])
def test_evaluation_batches_hold_whole_pairs(downscale):
    assert NYUv2(downscale=downscale).evaluation_batch % 2 == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"source": "matlab"}, "There is no form of NYUv2 `matlab`. Did you mean `mat`"),
        ({"task_names": ("deep",)}, "There is no NYUv2 task `deep`"),
        ({"task_names": ("depth", "depth")}, "name each task once"),
        ({"mask": "both"}, 'be "own" or "legacy2019"'),
        ({"downscale": 3}, "be 1, 2, 4 or 8"),
        ({"val_images": 795}, "be from 0 to 794"),
    ],
)
def test_slips_are_refused(unchecked, fields, message):
    with pytest.raises(SpecError, match=message):
        NYUv2(**fields)


def test_origin_says_what_it_is():
    assert NYUv2().origin == "nyuv2:mtan (the npy files of mtan)"
    assert "NOT the official files; normals computed from depth" in NYUv2("288-jpeg-depth8").origin
    assert "normals" not in NYUv2("288-jpeg-depth8", ("depth",)).origin


def test_missing_data_names_the_command(tmp_path):
    for spec in (NYUv2(), NYUv2(downscale=4)):
        with pytest.raises(DataError, match="Run `mtlray data import nyuv2 PATH`"):
            spec.prepare(tmp_path)
        with pytest.raises(DataError, match="Run `mtlray data import nyuv2 PATH`"):
            spec.load(tmp_path)


def test_reduced_arrays(mtan, truth, tmp_path):
    import_nyuv2(mtan, tmp_path, normals=True, say=lambda line: None)
    spec = NYUv2(downscale=4, n_images=(3, 2), val_images=1)
    assert spec.prepare(tmp_path) == spec.prepare(tmp_path) == spec.load(tmp_path).fingerprint
    split = spec.load(tmp_path).splits["test"]
    images = truth["val"].images.reshape(2, 72, 4, 96, 4, 3).astype(float).mean(axis=(2, 4))
    assert np.abs(split.inputs.values.numpy() - images.transpose(0, 3, 1, 2)).max() <= 0.5
    assert np.array_equal(split.targets["segmentation"].values.numpy(), truth["val"].labels[:, 2::4, 2::4])
    depth = split.targets["depth"].gather(torch.arange(2)[None], torch.float64)[0, :, 0, 3:]
    assert np.abs(depth.numpy() - truth["val"].depth[:, 14::4, 2::4]).max() < 1e-3
