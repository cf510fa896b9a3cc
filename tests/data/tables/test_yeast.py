"""Yeast: the published parts, standardised by the training examples alone."""

import numpy as np
import pytest
import torch

from mtlray.data import Yeast
from mtlray.data.tables.yeast import CLASSES, INPUTS, arrays_of, import_yeast
from mtlray.errors import DataError


def test_a_missing_column_is_named():
    names = [*INPUTS, *CLASSES]
    names.remove("Class7")
    with pytest.raises(DataError, match=r"`x` should be a csv file with the columns .* Found: no column Class7"):
        arrays_of((",".join(names) + "\n").encode(), "`x`")


def test_the_published_file(published, tmp_path):
    assert "1,500 genes for training and 917 for testing, 14 classes" in import_yeast(published("yeast"), tmp_path)
    dataset = Yeast(val_genes=300).load(tmp_path)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 1200, "val": 300, "test": 917}
    train, val = (dataset.splits[name] for name in ("train", "val"))
    inputs = train.inputs.gather(train.rows[None], torch.float64)[0]
    np.testing.assert_allclose(inputs.mean(dim=0), 0, atol=1e-6)
    np.testing.assert_allclose(inputs.std(dim=0, correction=0), 1, rtol=1e-5)
    assert not set(train.rows.tolist()) & set(val.rows.tolist())
    # As published: the shares of yes in all genes of the most and the least frequent class.
    labels = {name: torch.cat([dataset.splits[s].targets[name].values for s in ("train", "test")]) for name in CLASSES}
    assert (len(labels["Class12"]), int(labels["Class12"].sum()), int(labels["Class14"].sum())) == (2417, 1816, 34)
