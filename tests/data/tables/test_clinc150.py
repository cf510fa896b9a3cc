"""CLINC150: what is out of scope has no domain and no intent, and the words are those of the training part."""

import json

import numpy as np
import pytest
import torch

from mtlray.data import CLINC150
from mtlray.data.catalog.pictures import arrays_of as shown_arrays
from mtlray.data.files import prepared
from mtlray.data.tables.clinc150 import arrays_of, import_clinc150
from mtlray.errors import DataError

DOMAINS = {"bank": ["pay", "balance"], "home": ["lights"]}
SENTENCES = {
    "train": [["Pay my bill, please", "pay"], ["lights on", "lights"], ["my balance", "balance"]],
    "oos_train": [["what's the meaning of my life", "oos"]],
    "val": [["lights off", "lights"]],
    "oos_val": [["sing", "oos"]],
    "test": [["pay the balance", "balance"]],
    "oos_test": [["who are you", "oos"]],
}


def test_sentences_become_tokens_and_labels_that_may_be_missing():
    arrays, about = arrays_of(SENTENCES, DOMAINS)
    assert arrays["train-intent"].tolist() == [0, 2, 1, -1]
    assert arrays["train-domain"].tolist() == [0, 1, 0, -1]
    assert arrays["train-in_scope"].tolist() == [1, 1, 1, 0]
    assert (json.loads(about["domain"]), json.loads(about["intent"])) == (
        ["bank", "home"],
        ["pay", "balance", "lights"],
    )
    words = arrays["vocabulary"].tobytes().decode().split("\n")
    assert words[0] == "my", "the most frequent first"
    assert {",", "'", "bill", "meaning"} < set(words)
    assert not {"off", "sing", "who"} & set(words), "words of other parts"
    number = {word: 2 + i for i, word in enumerate(words)}
    assert arrays["test-tokens"][0, :4].tolist() == [number["pay"], number["the"], number["balance"], 0]
    assert arrays["val-tokens"][0, :3].tolist() == [number["lights"], 1, 0]


def test_an_intent_without_a_domain_is_named():
    with pytest.raises(DataError, match=r"of intents that `domains.json` has. Found: pray"):
        arrays_of({**SENTENCES, "test": [["amen", "pray"]]}, DOMAINS)
    with pytest.raises(DataError, match=r"`data_full.json` should be lists of sentences"):
        arrays_of({"train": []}, DOMAINS)


def test_the_published_files(published, tmp_path):
    text = import_clinc150(published("clinc150"), tmp_path)
    assert "15,100 for train, 3,100 for val, 5,500 for test; a vocabulary of 5,194 words" in text
    spec = CLINC150()
    dataset = spec.load(tmp_path)
    for split, examples in dataset.splits.items():
        assert len(examples) == spec.n_examples(split)
        domain, intent, inside = (examples.targets[name].values.numpy() for name in ("domain", "intent", "in_scope"))
        np.testing.assert_array_equal(intent[inside == 1] // 15, domain[inside == 1])
        assert set(intent[inside == 0]) == set(domain[inside == 0]) == {-1}
        assert np.bincount(intent[inside == 1]).tolist() == [{"train": 100, "val": 20, "test": 30}[split]] * 150
    train = dataset.splits["train"].inputs
    assert train.gather(torch.zeros(1, 1, dtype=torch.int64), torch.float32).shape == (1, 1, *spec.input_shape)
    assert int(train.values.max()) == spec.input_shape.vocabulary - 1
    assert (train.values != 0).sum(dim=1).max() == spec.input_shape[0]
    vocabulary = spec.vocabulary(tmp_path)
    assert len(vocabulary) == 5194
    about = prepared.about(tmp_path / "clinc150" / "table")
    assert json.loads(about["domain"])[:2] == ["banking", "credit_cards"]
    assert shown_arrays(spec, tmp_path).fingerprint == dataset.fingerprint
