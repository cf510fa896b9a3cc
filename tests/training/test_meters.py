"""The sums of a pack, and the exact step at which a loss was not finite, whenever anybody asks."""

import math

import pytest
import torch

from mtlray.training.meters import Meters

CPU = torch.device("cpu")
BAD = [math.nan, math.inf, -math.inf]


def meters(n_seeds=1, batches_per_step=1, dtype=torch.float32):
    return Meters(n_seeds, 2, batches_per_step, CPU, dtype)


def fed(losses, batches_per_step=1, asked_at=()):
    """Meters after batches of losses `[batch, seed, task]`, and what they said after some of the steps."""
    into, said = meters(losses.shape[1], batches_per_step), {}
    for number, batch in enumerate(losses):
        step = number // batches_per_step + 1
        into.add(step, batch)
        if step in asked_at and (number + 1) % batches_per_step == 0:
            said[step] = into.diverged_at.tolist()
    return into, said


def plain(losses, batches_per_step):
    """The first step with a loss that is not finite, of each seed, looked up number by number."""
    found = [-1] * losses.shape[1]
    for number, batch in enumerate(losses.tolist()):
        for seed, values in enumerate(batch):
            if found[seed] < 0 and not all(map(math.isfinite, values)):
                found[seed] = number // batches_per_step + 1
    return found


@pytest.mark.parametrize("step", [1, 2, 49, 50, 51, 52, 99, 100, 101, 102, 120])
@pytest.mark.parametrize("bad", BAD)
def test_the_first_bad_step_is_exact_wherever_it_falls(step, bad):
    losses = torch.ones(120, 3, 2)
    losses[step - 1, 1, 0] = bad
    losses[step:, 1] = math.nan  # as in training, where a broken network stays broken
    into, _ = fed(losses)
    assert into.diverged_at.tolist() == [-1, step, -1]


@pytest.mark.parametrize("batches_per_step", [1, 2, 3])
@pytest.mark.parametrize("asked_at", [(), (1, 2, 3), (49, 50, 51), range(1, 200, 7)], ids=str)
def test_when_it_is_asked_changes_nothing(batches_per_step, asked_at):
    rng = torch.Generator().manual_seed(batches_per_step)
    losses = torch.rand(130 * batches_per_step, 5, 2, generator=rng)
    losses[torch.rand(losses.shape, generator=rng) < 0.003] = math.nan
    into, said = fed(losses, batches_per_step, asked_at)
    expected = plain(losses, batches_per_step)
    assert into.diverged_at.tolist() == expected
    assert len({*expected}) > 3, "seeds diverge at different steps"
    for step, found in said.items():
        assert found == [at if at <= step else -1 for at in expected]


def test_a_strategy_may_make_the_losses_its_own():
    into, average = meters(), None
    for step in range(1, 9):
        losses = torch.full((1, 2), 1.0 if step < 7 else math.nan)
        average = losses if average is None else average.mul_(0.9).add_(losses)
        into.add(step, losses)
    assert into.diverged_at.tolist() == [7]


def test_a_sum_that_overflows_is_no_divergence():
    into, _ = fed(torch.full((3, 1, 2), 3e38))
    assert into.interval_losses.tolist() == [[math.inf] * 2]
    assert into.diverged_at.tolist() == [-1]


def test_sums_are_added_in_order():
    losses = torch.tensor([1e8, 1.0, -1e8, 1.0]).view(4, 1, 1).expand(-1, -1, 2)
    into, _ = fed(losses)
    assert into.interval_losses.tolist() == into.epoch_losses.tolist() == [[1.0, 1.0]]  # 1e8 + 1 is 1e8 in float32
    mean, present = into.end_epoch(4)
    assert mean.tolist() == [[0.25, 0.25]]
    assert present is None
    assert into.epoch_losses.tolist() == [[0.0, 0.0]]
    assert into.interval_losses.tolist() == [[1.0, 1.0]]
    into.end_interval()
    assert into.interval_losses.tolist() == into.weights.tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("cut", [1, 30, 49, 50, 51, 70])
@pytest.mark.parametrize("bad", [2, 50, 51, 60, 90])
def test_meters_survive_a_checkpoint_at_any_step(cut, bad):
    losses = torch.rand(100, 1, 2, generator=torch.Generator().manual_seed(0))
    losses[bad - 1 :, 0, 1] = math.nan
    whole, _ = fed(losses)
    first, _ = fed(losses[:cut])
    again = meters()
    again.load({name: tensor.clone() for name, tensor in first.state().items()})
    for number in range(cut, 100):
        again.add(number + 1, losses[number])
    assert again.state().keys() == whole.state().keys()
    for name, tensor in whole.state().items():
        assert torch.equal(again.state()[name].nan_to_num(7.0), tensor.nan_to_num(7.0)), name
    assert again.diverged_at.tolist() == [bad]
