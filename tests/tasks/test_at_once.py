"""Losses of equal kind as one, and which are."""

import pytest
import torch

from mtlray import Task, binary, classification, regression
from mtlray.tasks.at_once import alike, joint_losses, with_equal_losses


def mean_of_all(prediction, target):
    return (prediction[..., 0] - target).square().mean().expand(len(target))


def own(name):
    return Task(name=name, likelihood="none", output_shape=(1,), loss=mean_of_all, metrics=())


def test_equal_kinds_come_together_in_their_order():
    assert alike("abacb") == [(0, 2), (1, 4), (3,)]


def test_losses_of_equal_settings_are_one_and_those_of_a_users_own_are_not():
    tasks = [
        binary("a"),
        own("b"),
        binary("c"),
        own("d"),
        binary("e", positive_weight=2),
        regression("f"),
        regression("g"),
    ]
    assert with_equal_losses(tasks) == [(0, 2), (1,), (3,), (4,), (5, 6)]
    assert with_equal_losses([classification("a", classes=3), classification("b", classes=4)]) == [(0,), (1,)]


@pytest.mark.parametrize("n_seeds", [1, 2])
def test_each_loss_is_that_of_its_task(n_seeds):
    tasks = [binary("a"), regression("b"), binary("c"), own("d"), regression("e")]
    rng = torch.Generator().manual_seed(0)
    predictions = [torch.randn(n_seeds, 6, 1, generator=rng) for _ in tasks]
    labels, numbers = torch.randint(-1, 2, (n_seeds, 6), generator=rng), torch.randn(n_seeds, 6, 1, generator=rng)
    targets = [numbers + i if t.likelihood == "gaussian" else labels.roll(i, 1) for i, t in enumerate(tasks)]
    groups = with_equal_losses(tasks)
    together = [torch.stack([predictions[place] for place in group]) for group in groups]
    expected = [t.loss(p, target) for t, p, target in zip(tasks, predictions, targets, strict=True)]
    assert torch.equal(joint_losses(tasks, groups, together, targets), torch.stack(expected, dim=1))
