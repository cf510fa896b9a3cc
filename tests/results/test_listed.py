"""Names in a results folder that somebody else has written lead nowhere but into that folder."""

import json

import pytest

from mtlray.analysis.figures import save
from mtlray.analysis.grid.load import load
from mtlray.errors import ResultsError
from mtlray.results.ledger import Ledger

OUTSIDE = ["../../outside", "/tmp/outside", "a/b", "..", ".hidden", "", "a\\b", "a\nb", "a\0b", 7, None]


def trial(**changes):
    known = {"trial_id": "0" * 16, "dataset": "digits", "strategy": "equal", "fraction": 1.0, "seed": 0, "tasks": ["a"]}
    return known | changes


@pytest.mark.parametrize("name", OUTSIDE, ids=repr)
@pytest.mark.parametrize("key", ["trial_id", "dataset"])
def test_a_name_in_sweep_json_that_leads_outside(tmp_path, key, name):
    ledger = Ledger(str(tmp_path), "small")
    ledger.write_sweep({"name": "small", "trials": [trial(), trial(seed=1, **{key: name})]})
    with pytest.raises(ResultsError, match="should have names of files in its folder") as caught:
        ledger.read_sweep()
    assert repr(name) in str(caught.value)
    with pytest.raises(ResultsError, match="should have names of files in its folder"):
        save(load(str(tmp_path / "small")), tmp_path / "figures" / "deep")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["sweep.json"]


def test_the_name_of_a_sweep_that_leads_outside(tmp_path):
    ledger = Ledger(str(tmp_path), "small")
    ledger.write_sweep({"name": "../x", "trials": []})
    with pytest.raises(ResultsError, match=r"Found '\.\./x'"):
        ledger.read_sweep()


@pytest.mark.parametrize("text", ['{"trials": 3}', '{"trials": [3]}', "{}"])
def test_what_else_may_be_wrong_is_for_others_to_say(tmp_path, text):
    ledger = Ledger(str(tmp_path), "small")
    ledger.store.write("sweep.json", text.encode())
    assert ledger.read_sweep() == json.loads(text)
