"""Faces as specs: names, sizes without the data, flips, and the two heads for age."""

import pytest
import torch

from mtlray.data.faces import IMDBWiki, UTKFace
from mtlray.errors import DataError, SpecError
from mtlray.randomness import generator


def test_sizes_and_names_are_known_without_the_data():
    spec = IMDBWiki()
    assert spec.label == "imdb_wiki-224px-163202+31670"
    assert [spec.n_examples(split) for split in ("train", "val", "test")] == [163_202, 0, 31_670]
    other = UTKFace(64, ("age",), "both", "l1", 100, 2, n_images=(900, 100))
    assert other.label == "utkface-age-64px-flips-l1-900+100-val100-data2"
    assert other.n_examples("train") == 800
    assert "NOT the paper's IMDB-WIKI" in other.origin


def test_the_age_head_decides_outputs_and_likelihood():
    dex, l1 = (UTKFace(age_head=head, n_images=(2, 2)).tasks[0] for head in ("dex", "l1"))
    assert (dex.output_shape, dex.likelihood) == ((101,), "categorical")
    assert (l1.output_shape, l1.likelihood) == ((1,), "laplace")
    ages = torch.tensor([[30, 40]])
    assert l1.loss(torch.tensor([[[32.0], [40.0]]]), ages).tolist() == [1]
    assert dex.loss(torch.zeros(1, 2, 101), ages).item() == pytest.approx(4.6151, abs=1e-4)


@pytest.mark.parametrize(("flips", "kinds"), [("horizontal", 2), ("both", 4)])
def test_flips_are_drawn_for_each_picture(flips, kinds):
    spec = UTKFace(image_size=32, flips=flips, n_images=(2, 2))
    picture = torch.arange(32 * 32).double().reshape(1, 1, 1, 32, 32).expand(2, 40, 3, 32, 32)
    random = [generator(seed, "augment", 7) for seed in (0, 1)]
    found, targets = spec.augment(picture, {"age": torch.zeros(2, 40)}, random)
    corners = found[:, :, 0, 0, 0]
    assert set(corners.flatten().tolist()) == ({0, 31} if kinds == 2 else {0, 31, 31 * 32, 1023})
    assert not torch.equal(corners[0], corners[1])
    assert not targets["age"].any()
    assert not UTKFace(n_images=(2, 2)).augmented


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"flips": "vertical"}, "be one of none, horizontal, both"),
        ({"age_head": "l2"}, 'be "dex" or "l1"'),
        ({"image_size": 16}, "be at least 32"),
        ({"val_images": 900}, "be from 0 to 899"),
        ({"task_names": ("race",)}, "There is no task on faces `race`"),
    ],
)
def test_slips_are_refused(unchecked, fields, message):
    with pytest.raises(SpecError, match=message):
        UTKFace(n_images=(900, 100), **fields)


def test_missing_data_names_the_command(tmp_path):
    with pytest.raises(DataError, match=r"Run `mtlray data import imdb_wiki PATH --size 64`"):
        IMDBWiki(image_size=64).prepare(tmp_path)
