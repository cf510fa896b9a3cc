"""Pictures of data sets: a row an example, in the file that was asked for."""

import dataclasses

import cifar
import matplotlib as mpl
import pytest
import stored_pictures
import stored_tables
import torch
from PIL import Image

from mtlray.data import CLINC150
from mtlray.data.base import Column, Dataset, Examples
from mtlray.data.catalog.pictures import arrays_of, draw, specs_of, vocabulary_of
from mtlray.data.nyuv2 import NYUv2
from mtlray.errors import DataError, SpecError


def test_digits(digits, digits_spec, tmp_path):
    draw(digits_spec, digits, tmp_path / "x.png", 2)
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.height > 2 * picture.width / 2
        assert len(picture.convert("RGB").getcolors(10**6)) > 50


def test_every_kind_of_target(tmp_path):
    spec = NYUv2(downscale=8, n_images=(3, 3))
    rng = torch.Generator().manual_seed(0)
    targets = {
        "segmentation": Column(torch.randint(-1, 13, (3, 36, 48), dtype=torch.int8, generator=rng), "label"),
        "depth": Column(torch.randint(0, 9000, (3, 1, 36, 48), dtype=torch.int16, generator=rng), "number", 0.001),
        "normals": Column(torch.randint(-127, 128, (3, 3, 36, 48), dtype=torch.int8, generator=rng), "direction"),
    }
    images = Column(torch.randint(256, (3, 3, 36, 48), dtype=torch.uint8, generator=rng), "image")
    splits = {name: Examples(images, targets, torch.arange(2, -1, -1)) for name in ("train", "val", "test")}
    draw(spec, Dataset(splits, "none"), tmp_path / "x.png", 1)
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.width > picture.height
    with pytest.raises(DataError, match="The picture should be written to"):
        draw(spec, Dataset(splits, "none"), tmp_path / "nowhere" / "x.png", 1)


def test_which_data_sets_a_source_gives(tmp_path):
    assert [spec.label for spec in specs_of("mnist5k", tmp_path)] == ["multi_mnist-left-right-reconstruct-mnist5k"]
    with pytest.raises(DataError, match="utkface should have been imported"):
        specs_of("utkface", tmp_path)
    with pytest.raises(DataError, match="CIFAR-100 should have been imported"):
        specs_of("cifar100", tmp_path)
    cifar.stored(tmp_path)
    assert specs_of("cifar100", tmp_path) == [dataclasses.replace(cifar.SMALL, val_images=0)]
    with pytest.raises(SpecError, match="no data source `cifar`"):
        specs_of("cifar", tmp_path)


def test_settings_of_a_person_change_no_picture(digits, digits_spec, tmp_path):
    draw(digits_spec, digits, tmp_path / "plain.png", 2)
    with mpl.rc_context({"text.usetex": True, "font.size": 30}):
        draw(digits_spec, digits, tmp_path / "x.png", 2)
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_texts_and_numbers_are_shown(tmp_path, monkeypatch):
    stored_tables.stored(tmp_path)
    shown = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_title", lambda self, text, **options: shown.append(text))
    for name in ("yeast", "tox21", "clinc150"):
        (spec,) = specs_of(name, tmp_path)
        draw(spec, arrays_of(spec, tmp_path), tmp_path / f"{name}.png", 1, vocabulary_of(spec, tmp_path))
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.convert("L").getextrema() == (0, 255)
    assert len(shown) == 6
    assert shown[0].startswith("train 0, yes: ")
    assert shown[4].startswith("train 0, domain ")
    with pytest.raises(DataError, match="Yeast should have been imported"):
        specs_of("yeast", tmp_path / "nowhere")


def test_words_are_those_of_the_vocabulary(tmp_path, monkeypatch):
    texts = []
    monkeypatch.setattr("matplotlib.axes.Axes.text", lambda self, x, y, text, **options: texts.append(text))
    tokens = Column(torch.tensor([[2, 3, 1, 0]]), "token")
    splits = {name: Examples(tokens, {"in_scope": Column(torch.tensor([1]), "label")}) for name in ("train", "test")}
    for words in (("pay", "$it"), ("C", "=")):
        draw(CLINC150(("in_scope",)), Dataset(splits, "none"), tmp_path / "x.png", 1, words)
    assert texts == ["pay $it ?"] * 2 + ["C=?"] * 2


def test_attributes_of_faces_are_those_with_a_yes(tmp_path, monkeypatch):
    stored_pictures.attributes(tmp_path)
    shown = []
    monkeypatch.setattr("matplotlib.axes.Axes.set_title", lambda self, text, **options: shown.append(text))
    (spec,) = specs_of("celeba", tmp_path)
    assert spec == stored_pictures.ATTRIBUTES
    dataset = arrays_of(spec, tmp_path)
    draw(spec, dataset, tmp_path / "x.png", 1)
    first = [name for name, column in dataset.splits["train"].targets.items() if column.values[0] == 1]
    assert " ".join(shown[0].split()) == f"train 0, yes: {', '.join(first)}"
