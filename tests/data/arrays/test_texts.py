"""Texts as inputs: how they are cut, numbered by the training part, padded, cut short, and what of it is the identity."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from mtlray import ArrayDataset, TokenShape, binary
from mtlray.data.arrays.text import cut, numbered, vocabulary_of
from mtlray.errors import DataError, SpecError
from mtlray.identity.codec import canonical_json

TEXTS = ["A cat, a cat.", "the Dog", "a dog and a cat", "", "naïve 42nd", "zebra"]


def frame(texts=TEXTS):
    split = ["train", "train", "train", "train", "val", "test"]
    return pd.DataFrame({"text": list(texts), "part": split, "yes": [0, 1] * 3})


def made(source=frame, **settings):
    settings = {"tokens": "words", "split": "part", "inputs": "text"} | settings
    return ArrayDataset(name="texts", source=source, tasks=(binary("yes"),), **settings)


def test_texts_are_cut_as_stated():
    values = np.array(["A cat, a CAT.", "naïve 42nd\n"], dtype=object)
    assert cut(values, "words", "t") == [["a", "cat", ",", "a", "cat", "."], ["naïve", "42nd"]]
    assert cut(np.array(["Ab c"], dtype=object), "characters", "t") == [["A", "b", " ", "c"]]
    assert cut(np.array([[7, 0, -1], [3, -1, -1]]), "ids", "t") == [[7, 0], [3]]


def test_the_vocabulary_goes_by_frequency_and_then_by_the_token():
    assert vocabulary_of([["b", "a"], ["c", "b", "a"], ["b"]], None) == ("b", "a", "c")
    assert vocabulary_of([["b", "a"], ["c", "b", "a"], ["b"]], 2) == ("b", "a")
    found = numbered([["a", "b", "x"], [], ["b"]], ("b", "a"), 2)
    assert found.tolist() == [[3, 2], [0, 0], [2, 0]]


def test_tokens_by_hand(tmp_path):
    dataset = made()
    assert dataset.vocabulary == ("a", "cat", "dog", ",", ".", "and", "the")
    assert dataset.input_shape == TokenShape(6, vocabulary=9)
    assert dataset.prepare(tmp_path) == dataset.load(tmp_path).fingerprint
    splits = dataset.load(tmp_path).splits
    rows = splits["train"].inputs.gather(torch.arange(4)[None], torch.float64)[0]
    assert rows.dtype == torch.int64
    assert rows.tolist() == [[2, 3, 5, 2, 3, 6], [8, 4, 0, 0, 0, 0], [2, 4, 7, 2, 3, 0], [0] * 6]
    unknown = [splits[split].inputs.values.tolist() for split in ("val", "test")]
    assert unknown == [[[1, 1, 0, 0, 0, 0]], [[1, 0, 0, 0, 0, 0]]], "words of other parts are not in the vocabulary"


def test_long_texts_and_rare_tokens_are_left_out(tmp_path):
    dataset = made(max_length=3, max_vocabulary=2)
    assert dataset.input_shape == TokenShape(3, vocabulary=4)
    dataset.prepare(tmp_path)
    assert dataset.load(tmp_path).splits["train"].inputs.values.tolist()[0] == [2, 3, 1]


@pytest.mark.parametrize("kind", ["lists", "arrays", "padded", "parquet"])
def test_ids_of_a_tokenizer_of_ones_own(kind, tmp_path):
    ids = [[5, 5, 0], [9], [5, 9], [], [7], [5]]
    path = tmp_path / "ids.parquet"
    pd.DataFrame({"text": ids, "part": frame()["part"], "yes": [0, 1] * 3}).to_parquet(path)
    padded = np.array([[*row, *[-1] * (3 - len(row))] for row in ids])
    source = {
        "lists": lambda: {**frame().drop(columns="text"), "text": ids},
        "arrays": lambda: {**frame().drop(columns="text"), "text": [np.array(row, int) for row in ids]},
        "padded": lambda: {**frame().drop(columns="text"), "text": padded},
    }.get(kind, path)
    dataset = made(source, tokens="ids")
    assert dataset.vocabulary == (5, 9, 0)
    dataset.prepare(tmp_path)
    assert dataset.load(tmp_path).splits["train"].inputs.values.tolist() == [[2, 2, 4], [3, 0, 0], [2, 3, 0], [0, 0, 0]]


def test_what_the_texts_are_is_the_identity():
    ids = {
        canonical_json(made(**settings))
        for settings in ({}, {"tokens": "characters"}, {"max_length": 3}, {"max_vocabulary": 3})
    }
    ids.add(canonical_json(made(lambda: frame(["a", *TEXTS[1:]]))))
    assert len(ids) == 5
    assert canonical_json(made(lambda: frame())) == canonical_json(made())
    ragged = {canonical_json(made(lambda last=last: {**frame(), "text": [[1, 2], [3], [1], [2], [2], [last]]}, tokens="ids"))
              for last in (1, 2)}  # fmt: skip
    assert len(ragged) == 2


def test_data_sets_without_texts_keep_their_identity():
    numbers = ArrayDataset(
        name="n", source=lambda: {"x": np.arange(40.0), "yes": np.arange(40) % 2}, tasks=(binary("yes"),)
    )
    assert not {"tokens", "max_length", "max_vocabulary"} & set(canonical_json(numbers).split('"'))


def test_a_worker_knows_the_shape_without_the_texts(tmp_path):
    dataset = made()
    dataset.prepare(tmp_path)
    there = pickle.loads(pickle.dumps(dataset))
    assert there.input_shape == TokenShape(6, vocabulary=9)
    assert not {"_columns", "_tokens", "vocabulary"} & set(vars(there))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (
            {"source": lambda: frame([*TEXTS[:5], None])},
            "should hold a text for each example. Found nothing in example 5",
        ),
        ({"source": lambda: frame([*TEXTS[:5], 3.5])}, "Found `3.5` in example 5"),
        ({"tokens": "ids"}, "should hold a list of integers for each example. Found `A cat, a cat.` in example 0"),
        ({"tokens": None}, 'should hold numbers. .* set `tokens` to "words" or "characters"'),
    ],
)
def test_what_is_no_text_is_refused(change, match, tmp_path):
    with pytest.raises(DataError, match=match):
        made(**change).prepare(tmp_path)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"tokens": "letters"}, '`tokens` should be one of "words", "characters", "ids"'),
        ({"max_length": 0}, "`max_length` should be at least 1"),
        ({"max_vocabulary": "all"}, "`max_vocabulary` should be an integer"),
        ({"inputs": ("text", "part")}, "`inputs` should be the one column that holds the texts"),
    ],
)
def test_bad_settings_are_refused(change, match):
    with pytest.raises(SpecError, match=match):
        _ = made(**change).input_shape


def test_the_shape_of_tokens_is_its_length_and_the_size_of_the_vocabulary():
    shape = TokenShape(5, vocabulary=7)
    assert (tuple(shape), pickle.loads(pickle.dumps(shape))) == ((5,), shape)
    assert len({shape, TokenShape(5, vocabulary=7), TokenShape(5, vocabulary=8)}) == 2
    assert shape != (5,)
