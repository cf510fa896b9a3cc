"""The sweeps on NYUv2 and faces are planned without the data, and a trial of each kind trains on small copies."""

import dataclasses
import math

import pytest
import torch
from places import ROOT
from stored_pictures import people, rooms

from mtlray.models import MTAN, VGG, Computation, SegNet
from mtlray.specs import SGD, Adam, TrialSpec
from mtlray.specs.sweepfile import load_sweep
from mtlray.strategies import DWA, Equal, Uncertainty
from mtlray.training.loop import train


@pytest.mark.parametrize(
    ("name", "n_trials", "published"),
    [("gong2019_table3", 70, "nyuv2"), ("gong2019_table4", 18, "imdb_wiki"), ("reduced_table3", 14, None),
     ("reduced_table4", 12, None)],
)  # fmt: skip
def test_sweeps_are_planned_without_the_data(name, n_trials, published):
    sweep, _ = load_sweep(ROOT / "sweeps" / f"{name}.py")
    trials = sweep.trials()
    assert len(trials) == n_trials
    assert len({trial.trial_id for trial in trials}) == n_trials
    if published:
        assert trials[0].dataset.label.startswith(published)
        assert sweep.published


def test_table_3_is_mtans_protocol():
    sweep, _ = load_sweep(ROOT / "sweeps" / "gong2019_table3.py")
    trial = sweep.trials()[0]
    assert (trial.steps, trial.batches_per_epoch, trial.optimizer.halve_every) == (79_600, 398, 39_800)


def run(trial, dataset):
    (outcome,) = train(
        [trial], dataset, Computation(torch.device("cpu")), checkpoints=[None], checkpoint_seconds=1e9,
        save=lambda checkpoint: None, progress=lambda step: None,
    )  # fmt: skip
    return outcome


@pytest.mark.parametrize("large", [0, 2**40], ids=["gathered ahead", "gathered when asked for"])
@pytest.mark.parametrize(
    ("make", "model"),
    [(rooms, SegNet("tiny")), (rooms, MTAN("tiny")), (people, VGG("small"))],
    ids=["rooms", "attention", "people"],
)
def test_a_trial_of_each_kind(tmp_path, monkeypatch, make, model, large):
    spec = make(tmp_path)
    trial = TrialSpec(
        dataset=spec,
        model=model,
        strategy=Uncertainty(),
        optimizer=Adam(lr=1e-3),
        steps=4,
        batch_size=3,
        evaluate_every=2,
    )
    expected = run(trial, spec.load(tmp_path)).rows
    monkeypatch.setattr("mtlray.data.batches.LARGE", large)
    found = run(trial, spec.load(tmp_path)).rows
    assert len(found) == 2
    for row, other in zip(found, expected, strict=True):
        same = {name: value for name, value in row.items() if name != "train_samples_per_second"}
        assert same == {name: other[name] for name in same}
        for task in spec.tasks:
            assert all(
                math.isfinite(row[f"{split}/{task.name}/{m.name}"]) for split in ("val", "test") for m in task.metrics
            )


def test_learning_rates_are_halved(tmp_path):
    spec = people(tmp_path)
    trial = TrialSpec(
        dataset=spec,
        model=VGG("small"),
        strategy=DWA(),
        optimizer=SGD(lr=0.01),
        steps=2,
        batch_size=3,
        evaluate_every=1,
    )
    dataset = spec.load(tmp_path)
    halved, slower = SGD(lr=0.01, halve_every=1), SGD(lr=0.005)
    first = [run(dataclasses.replace(trial, optimizer=o, steps=1), dataset).rows[0] for o in (trial.optimizer, halved)]
    assert first[0]["test/age/loss"] == first[1]["test/age/loss"]
    rows = [run(dataclasses.replace(trial, optimizer=o), dataset).rows[1] for o in (trial.optimizer, halved, slower)]
    assert len({row["test/age/loss"] for row in rows}) == 3
    assert dataclasses.replace(trial, optimizer=SGD(lr=0.01)).trial_id == trial.trial_id
    assert dataclasses.replace(trial, strategy=Equal(), optimizer=halved).canonical.count("halve_every") == 1
    assert trial.canonical.count("halve_every") == 0
