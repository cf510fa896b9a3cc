"""Early stopping: a trial ends after so many evaluations without a better validation score, and a restart changes nothing."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from plain_mlp import TASKS

from mtlray import MLP, SGD, ArrayDataset, Cosine, Equal, Plateau, TrialSpec
from mtlray.errors import SpecError
from mtlray.models import Computation
from mtlray.planning.plan import packs
from mtlray.results.states import TrialState
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.loop import train


def arrays():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4))
    noisy = x + rng.normal(size=x.shape)  # so that it overfits, and the score falls
    return {"x": x, "kind": np.digitize(noisy[:, 0], [-0.5, 0.5]), "big": noisy[:, 1] > 0, "size": noisy.sum(axis=1)}


@functools.cache
def data(val=0.3):
    return ArrayDataset(name="noisy", source=arrays, tasks=TASKS, inputs="x", val=val)


def trial(**changes):
    base = TrialSpec(
        dataset=data(), model=MLP(widths=(16,)), strategy=Equal(), optimizer=SGD(lr=0.3), steps=400, batch_size=16,
        evaluate_every=5, patience=4,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    data().prepare(root)
    return data().load(root)


def trained(spec, dataset, checkpoint=None, save=lambda c: None):
    (outcome,) = train(
        [spec], dataset, Computation(torch.device("cpu")), checkpoints=[checkpoint], checkpoint_seconds=0.0, save=save,
        progress=lambda step: None,
    )  # fmt: skip
    rows = [{k: v for k, v in row.items() if k != "train_samples_per_second"} for row in outcome.rows]
    return outcome, rows


def test_it_ends_where_the_score_has_not_grown_and_nothing_before_differs(loaded):
    outcome, rows = trained(trial(), loaded)
    _, every = trained(trial(patience=None), loaded)
    assert rows == every[: len(rows)]
    assert outcome.state is TrialState.DONE
    scores = [row["val/score"] for row in every]
    best = at = 0
    while at < best + 4:
        at += 1
        best = at if scores[at] > scores[best] else best
    assert len(rows) == best + 5
    assert outcome.step == rows[-1]["step"] < 400


def test_a_restart_at_any_step_ends_at_the_same_one(loaded):
    saved = []
    outcome, rows = trained(trial(), loaded, save=lambda c: saved.append(c.to_bytes()))
    assert len(saved) == outcome.step - 1
    for stored in (saved[3], saved[len(saved) // 2], saved[-1]):
        again, same = trained(trial(), loaded, Checkpoint.from_bytes(stored, trial().trial_id))
        assert (again.step, same) == (outcome.step, rows)


def test_one_that_has_not_run_out_takes_all_its_steps(loaded):
    outcome, _ = trained(trial(steps=17), loaded)
    assert outcome.step == 17


def test_it_is_in_the_id_and_off_by_default():
    assert trial().trial_id != trial(patience=None).trial_id
    assert "patience" not in trial(patience=None).canonical
    assert len({trial(patience=n).trial_id for n in (1, 2, 3)}) == 3


def test_such_trials_run_one_by_one():
    assert [len(pack) for pack in packs([trial(seed=s) for s in range(3)], 3)] == [1, 1, 1]
    assert [len(pack) for pack in packs([trial(seed=s, patience=None) for s in range(3)], 3)] == [3]


def test_schedules_that_know_the_last_step_are_refused():
    with pytest.raises(SpecError, match=r"depend on its number of steps. Found the schedule `cosine`"):
        trial(optimizer=SGD(lr=0.1, schedule=Cosine())).check()
    trial(optimizer=SGD(lr=0.1, schedule=Plateau())).check()


def test_it_needs_validation_examples():
    with pytest.raises(SpecError, match="`patience = 4` goes by the validation score, and noisy has no validation"):
        trial(dataset=data(val=0)).check()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("patience", [0, -1, 1.5, True])
def test_other_numbers_are_refused(patience):
    with pytest.raises(SpecError, match="patience` should be a number of evaluations, at least 1, or None"):
        trial(patience=patience)
