"""A sweep over batch size, temperature and model, trained for real: its tables by two axes are means of the right trials."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from mtlray.analysis import table
from mtlray.data import ArrayDataset
from mtlray.launch import launch
from mtlray.models import MLP
from mtlray.results.ledger import Ledger
from mtlray.specs import SGD, RunConfig, SweepSpec, TrialSpec
from mtlray.strategies import DWA, Equal
from mtlray.sweep import Sweep
from mtlray.tasks.kinds import binary, regression

SIZES, TEMPERATURES, MODELS = (8, 16), (0.1, 1), (MLP(widths=(4,)), MLP(widths=(8,)))


def arrays():
    x = np.random.default_rng(0).normal(size=(120, 3))
    return {"x": x, "sum": x.sum(axis=1), "large": x[:, 0] > 0}


def spec():
    tasks = (regression("sum"), binary("large"))
    return SweepSpec(
        name="any",
        question="Does anything matter?",
        base=TrialSpec(
            dataset=ArrayDataset(name="sums", source=arrays, tasks=tasks), model=MLP(), strategy=Equal(),
            optimizer=SGD(lr=0.1), steps=40, evaluate_every=20,
        ),
        strategies=(Equal(), DWA()),
        seeds=range(2),
        axes={"model": MODELS, "batch_size": SIZES, "strategy.temperature": TEMPERATURES},
        selection="last",
    )  # fmt: skip


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """The results of the sweep, without its file."""
    folder = tmp_path_factory.mktemp("any")
    sweep = Sweep(spec(), None, folder / "sweep.py", str(folder / "results"))
    assert launch(sweep, RunConfig(data=str(folder), results=sweep.results), in_process=True) == 0
    return sweep


def by_hand(sweep, strategy, size, model, temperature=None):
    """The mean of `last` over the trials whose own stored spec says so."""
    rows = sweep.ledger.summary()[0].to_pandas()
    rows = rows[(rows["task"] == "sum") & (rows["metric"] == rows["metric"].iloc[0])]
    found = []
    for text, value in zip(rows["spec"], rows["last"], strict=True):
        own = json.loads(text)
        alike = own["strategy"]["type"] == strategy and own["batch_size"] == size
        alike &= own["model"]["widths"] == list(model.widths) and own["strategy"].get("temperature") == temperature
        found += [value] if alike else []
    assert len(found) == 2
    return sum(found) / 2


def shown(sweep, **options):
    frame = table(sweep.folder, **options)
    return frame[(frame["task"] == "sum") & (frame["metric"] == frame["metric"].iloc[0])]


def test_each_cell_of_a_table_by_two_axes_is_of_one_configuration(swept):
    frame = shown(
        swept, by=["batch_size"], across=["strategy.temperature"], where="strategy == 'dwa' and model == 'mlp-8'"
    )
    expected = [by_hand(swept, "DWA", s, MODELS[1], t) for s, t in itertools.product(SIZES, TEMPERATURES)]
    assert len(set(expected)) == 4
    assert frame["mean"].tolist() == pytest.approx(expected, abs=1e-12)
    assert frame["n"].tolist() == [2, 2, 2, 2]


def test_without_options_all_configurations_are_rows_and_equal_is_there_once_for_all_temperatures(swept):
    frame = shown(swept)
    assert len(frame) == 4 + 8
    (mean,) = frame.loc[frame["strategy"] == "equal mlp-4, batch_size 16", "mean"]
    assert mean == pytest.approx(by_hand(swept, "Equal", 16, MODELS[0]), abs=1e-12)


def test_a_folder_that_an_earlier_release_described_shows_the_same(swept):
    """One that lists no fields: what it knows are its rows."""
    ledger = Ledger(swept.results, "any")
    described = ledger.read_sweep()
    where = "strategy == 'dwa' and model == 'mlp-8' and strategy.temperature == 1 and batch_size == 8"
    before = shown(swept, where=where)["mean"].tolist()
    kept = [e for e in described["trials"] if e["fields"].get("model.widths") == [8] and e["axes"]["batch_size"] == 8]
    older = [{k: v for k, v in e.items() if k not in ("axes", "fields")} for e in kept]
    ledger.write_sweep({k: v for k, v in described.items() if k not in ("axes", "fields")} | {"trials": older})
    try:
        assert shown(swept, where=where)["mean"].tolist() == before
    finally:
        ledger.write_sweep(described)


def test_planning_again_finds_every_trial(swept):
    again = Sweep(dataclasses.replace(swept.spec), None, swept.path, swept.results)
    assert len(again.plan().done) == 24
    assert "  left out    4 cells: equal has no `temperature`" in again.plan_text()
    assert "batch_size\n  8   12 done\n  16  12 done\n" in again.status_text() + "\n"
