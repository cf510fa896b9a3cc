"""The trunk's embedding: which steps, which rows, equal to the recorded trial, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

from mtlray import DWA, SGD, Equal, LeNet, MultiMNIST, TrialSpec
from mtlray.errors import ResultsError, SpecError
from mtlray.models import Computation
from mtlray.running.embedding import embed, steps_of
from mtlray.training.loop import train

TRIAL = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=500),
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.02, momentum=0.9),
    steps=10,
    batch_size=16,
    evaluate_every=4,
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    TRIAL.dataset.prepare(root)
    return TRIAL.dataset.load(root)


def made(trial, dataset, steps, recorded=None):
    return embed(trial, dataset, steps, Computation(CPU), n_examples=40, recorded=recorded or {})


def test_steps_have_names_and_numbers():
    assert steps_of(TRIAL, ["first", "middle", "last"]) == [4, 10]  # half of 10 is nearest to the evaluation at 4
    longer = dataclasses.replace(TRIAL, steps=100)
    assert steps_of(longer, ["last", "first", "middle", "0", "7"]) == [
        0,
        4,
        7,
        48,
        100,
    ]  # half of 100 lies between 48 and 52
    with pytest.raises(SpecError, match="should list first, middle, last"):
        steps_of(TRIAL, ["end"])
    with pytest.raises(SpecError, match="lie within the 10 steps"):
        steps_of(TRIAL, ["11"])


def test_a_row_for_each_step_and_example_with_the_classes_of_each_task(dataset):
    table = made(TRIAL, dataset, [0, 4]).table.to_pandas()
    assert table["step"].value_counts().to_dict() == {0: 40, 4: 40}
    assert table["example"].tolist() == [*range(40), *range(40)]
    assert np.isfinite(table[["x", "y"]].to_numpy()).all()
    stored = dataset.splits["test"].targets["left"].values[:40].tolist()
    assert table["label/left"].tolist() == stored * 2
    assert not np.allclose(table["x"][:40], table["x"][40:])


def test_training_once_more_meets_the_recorded_values_exactly(dataset):
    (outcome,) = train(
        [TRIAL], dataset, Computation(CPU), checkpoints=[None], checkpoint_seconds=1e9, save=lambda c: None,
        progress=lambda step: None,
    )  # fmt: skip
    recorded = {row["step"]: row for row in outcome.rows}
    assert made(TRIAL, dataset, [4, 10], recorded).difference == 0.0
    assert made(TRIAL, dataset, [4]).difference is None
    recorded[10]["test/left/accuracy"] += 0.5
    assert made(TRIAL, dataset, [4, 10], recorded).difference == pytest.approx(0.5)


def test_the_embedding_is_the_same_each_time(dataset):
    first, second = (made(TRIAL, dataset, [4]).table for _ in range(2))
    assert first.equals(second)


def test_a_trial_that_diverges_is_refused_with_the_step(dataset):
    wild = dataclasses.replace(TRIAL, optimizer=SGD(lr=1e9), strategy=DWA())
    with pytest.raises(ResultsError, match="dwa diverged before step"):
        made(wild, dataset, [10])
