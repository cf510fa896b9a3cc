"""The sweeps on NYUv2 and faces are planned without the data, and a trial of each kind trains on small copies."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mtlray.data import NYUv2, UTKFace, prepared
from mtlray.models import VGG, SegNet
from mtlray.specs import SGD, Adam, TrialSpec
from mtlray.strategies import DWA, Equal, Uncertainty
from mtlray.sweepfile import load_sweep
from mtlray.training import train

ROOT = Path(__file__).parents[1]


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


def rooms(root):
    """NYUv2 as it is stored, six and three images at 36x48."""
    spec = NYUv2(downscale=8, n_images=(6, 3), val_images=2)
    rng = np.random.default_rng(0)
    folder = root / "nyuv2" / "mtan"

    def made():
        arrays = {}
        for split, n in (("train", 6), ("test", 3)):
            arrays[f"{split}-images"] = rng.integers(0, 256, (n, 3, 288, 384), dtype=np.uint8)
            arrays[f"{split}-depth"] = rng.integers(0, 30000, (n, 1, 288, 384), dtype=np.int16)
            arrays[f"{split}-labels"] = rng.integers(-1, 13, (n, 288, 384), dtype=np.int8)
            arrays[f"{split}-normals"] = rng.integers(-127, 128, (n, 4, 288, 384), dtype=np.int8)
        return arrays

    prepared.prepare(folder, made)
    spec.prepare(root)
    return spec


def people(root):
    """UTKFace as it is stored, twelve and five faces of 32 pixels."""
    spec = UTKFace(image_size=32, n_images=(12, 5), val_images=3, flips="both")
    rng = np.random.default_rng(0)

    def made():
        arrays = {}
        for split, n in (("train", 12), ("test", 5)):
            arrays[f"{split}-images"] = rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
            arrays[f"{split}-ages"] = rng.integers(0, 101, n).astype(np.uint8)
            arrays[f"{split}-genders"] = rng.integers(0, 2, n).astype(np.uint8)
            arrays[f"{split}-subjects"] = np.full(n, -1, np.int32)
        return arrays

    prepared.prepare(root / "utkface" / "32px", made)
    return spec


def run(trial, dataset):
    (outcome,) = train(
        [trial], dataset, device=torch.device("cpu"), checkpoints=[None], checkpoint_seconds=1e9,
        save=lambda checkpoint: None, progress=lambda step: None,
    )  # fmt: skip
    return outcome


@pytest.mark.parametrize("large", [0, 2**40], ids=["gathered ahead", "gathered when asked for"])
@pytest.mark.parametrize(("make", "model"), [(rooms, SegNet("tiny")), (people, VGG("small"))], ids=["rooms", "people"])
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
