"""Every strategy, killed in the middle of an epoch and continued from its last checkpoint, ends with the same numbers."""

import random
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from mtlray.data import Column, Dataset, Examples, MultiMNIST
from mtlray.models import Computation, LeNet
from mtlray.specs import SGD, Adam, TrialSpec
from mtlray.strategies import STRATEGIES, AbstractWeighting, State
from mtlray.strategies.every import every_strategy
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.loop import train

DATA = MultiMNIST(source="mnist5k", val_digits=200)
EVERY = every_strategy(DATA.tasks, points=1)
OPTIMIZERS = (SGD(lr=0.05, momentum=0.9, weight_decay=1e-3, strategy_lr=0.02), Adam(lr=0.003))
STEPS, EVALUATE_EVERY = 14, 4


@pytest.fixture(scope="module")
def dataset(digits):
    """The whole training split, and a few examples to evaluate on."""

    def few(examples, n):
        def cut(column):
            return Column(column.values[:n], column.kind, column.scale)

        return Examples(cut(examples.inputs), {name: cut(column) for name, column in examples.targets.items()})

    return Dataset({name: few(digits.splits[name], n) for name, n in (("train", 4800), ("val", 10), ("test", 10))}, "")


def run(trial, dataset, checkpoint, save):
    (outcome,) = train(
        [trial],
        dataset,
        Computation(torch.device("cpu")),
        checkpoints=[checkpoint],
        checkpoint_seconds=0.0,
        save=save,
        progress=lambda step: None,
    )
    return outcome


def continued(strategy, dataset):
    """Curve and tensors at the end: of a trial, and of one that continues from what the first had saved within an epoch."""
    draw = random.Random(strategy.label)
    trial = TrialSpec(
        dataset=DATA,
        model=LeNet(),
        strategy=strategy,
        optimizer=draw.choice(OPTIMIZERS),
        fraction=70 / DATA.n_examples("train"),
        steps=STEPS,
        batch_size=14,
        evaluate_every=EVALUATE_EVERY,
    )
    assert trial.batches_per_epoch == 5, "steps of two or three batches do not end with an epoch"
    ends = {n for n in range(1, STEPS + 1) if n * strategy.batches_per_step % 5 == 0 or n % EVALUATE_EVERY == 0}
    last = draw.choice([n for n in range(1, STEPS - 1) if not {n, n + 1} & ends])
    whole, rest, files = {}, {}, {}

    def save(checkpoint):
        whole[checkpoint.step] = checkpoint
        files[checkpoint.step] = checkpoint.to_bytes()

    one = run(trial, dataset, None, save)
    checkpoint = Checkpoint.from_bytes(files[last], trial.trial_id)
    two = run(trial, dataset, checkpoint, lambda c: rest.update({c.step: c}))
    assert min(rest) == last + 1, "it went on from its checkpoint"
    return numbers(one, whole[STEPS]), numbers(two, rest[STEPS])


def numbers(outcome, checkpoint):
    """All that is recorded, in a form in which any two floats differ and nan is like nan."""
    rows = [{k: repr(v) for k, v in row.items() if k != "train_samples_per_second"} for row in outcome.rows]
    parts = {"model": checkpoint.model, "meters": checkpoint.meters, **checkpoint.strategy, **checkpoint.optimizer}
    bits = {f"{p}/{n}": t.contiguous().numpy().tobytes() for p, tensors in parts.items() for n, t in tensors.items()}
    return rows, bits


def test_no_strategy_is_missing():
    assert {type(strategy) for strategy in EVERY} == set(STRATEGIES)


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.label)
def test_killed_within_an_epoch_and_continued_gives_equal_bits(strategy, dataset):
    (rows, bits), (rows_again, bits_again) = continued(strategy, dataset)
    assert [row["step"] for row in rows] == ["4", "8", "12", "14"]
    assert rows_again == rows
    assert bits_again == bits


@dataclass(frozen=True)
class Forgetful(AbstractWeighting):
    """Counts the batches of an epoch outside of its state."""

    counts: ClassVar[list[int]] = []
    key: ClassVar[str] = "forgetful"

    def init(self, tasks, seeds):
        self.counts.clear()
        return State()

    def combine(self, losses, state):
        self.counts.append(1)
        weights = torch.full_like(losses, 1 / len(self.counts))
        return (weights * losses).sum(dim=1), weights, state

    def end_epoch(self, mean_losses, state):
        self.counts.clear()
        return state


def test_what_a_checkpoint_does_not_hold_is_seen(dataset):
    (rows, bits), (rows_again, bits_again) = continued(Forgetful(), dataset)
    assert rows_again != rows
    assert bits_again != bits
