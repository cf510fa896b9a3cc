"""A run between two steps: what the next step reads, what it adds up, and how it goes through checkpoints."""

import dataclasses

import pytest
import torch

from mtlray.data import MultiMNIST
from mtlray.models import Computation, LeNet
from mtlray.specs import Adam, TrialSpec
from mtlray.strategies import DWA, MoDo
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.loop import walk
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

CPU = torch.device("cpu")
TRIAL = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=200),
    model=LeNet(),
    strategy=DWA(),
    optimizer=Adam(lr=1e-3),
    fraction=0.02,
    steps=12,
    batch_size=32,
    precision="float64",
)


@pytest.fixture
def begin(digits):
    """The run of the trial, or of one like it, with these seeds."""

    def make(*seeds, **changes):
        trials = [dataclasses.replace(TRIAL, seed=seed, **changes) for seed in seeds]
        return Run.of(trials, PackData(trials, digits, CPU), Computation(CPU))

    return make


def same(one, two):
    assert one.keys() == two.keys()
    return all(torch.equal(tensor, two[name]) for name, tensor in one.items())


@pytest.mark.parametrize("strategy", [DWA(), MoDo()], ids=lambda s: s.key)
def test_the_upcoming_batches_are_those_of_the_next_step(strategy, begin):
    run = begin(0, 1, strategy=strategy)
    for _ in range(2):
        run.advance()
    run.meters.end_interval()
    upcoming = [losses.values.detach() for losses in run.upcoming()]
    weights = run.advance()
    assert len(upcoming) == strategy.batches_per_step
    assert torch.equal(run.meters.interval_losses, sum(upcoming[1:], upcoming[0]))
    assert torch.equal(run.meters.weights, weights)


def test_looking_between_two_steps_changes_nothing(begin):
    undisturbed, watched = begin(3), begin(3)
    for _ in walk(undisturbed, 6):
        pass
    for _ in walk(watched, 6):
        watched.networks.predict(torch.rand(1, 2, 1, 36, 36, generator=torch.Generator(), dtype=torch.float64))
        watched.upcoming()
    assert same(undisturbed.networks.state(), watched.networks.state())


def test_trials_leave_a_pack_and_go_on_alone(begin):
    together = begin(3, 5)
    for _ in walk(together, 7):  # within the third epoch
        pass
    ids = ["one", "two"]
    saved = [Checkpoint.from_bytes(c.to_bytes(), name) for c, name in zip(together.checkpoints(ids), ids, strict=True)]
    assert [(c.step, c.rows, c.seconds) for c in saved] == [(7, [], 0.0)] * 2
    for _ in walk(together, 12):
        pass
    for i, seed in enumerate((3, 5)):
        alone = begin(seed)
        alone.restore(saved[i : i + 1])
        assert same(alone.networks.state(), saved[i].model)
        for _ in walk(alone, 12):
            pass
        for name, tensor in alone.networks.state().items():
            torch.testing.assert_close(tensor, together.networks.state()[name][i : i + 1], rtol=1e-9, atol=1e-12)
