"""Dynamic task prioritization by hand, and what it refuses."""

import math

import pytest
import torch

from mtlray.data import MultiMNIST
from mtlray.errors import SpecError
from mtlray.models import LeNet
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import DTP
from mtlray.testing import TASKS

CLASSES = TASKS[:2]


def follow(strategy, linear, *successes):
    """The weights `[step, task]` for these shares of examples that are right."""
    state, weights = strategy.init(CLASSES[: len(successes[0])], torch.tensor([0])), []
    for success in successes:
        problem = linear(len(success), 2)
        measured = torch.tensor([success], dtype=torch.float64)
        batch = problem.losses([[1.0, 0.0], [0.0, 1.0]][: len(success)], measure=lambda m=measured: m)
        found, state = strategy.backward([batch], state)
        assert problem.direction[: len(success)] == pytest.approx(found[0].tolist()), "weights make the direction"
        assert problem.of_heads == pytest.approx(found[0].tolist()), "and heads follow their weighted losses"
        weights.append(found[0].tolist())
    return weights


def test_by_hand(linear):
    weights = follow(DTP(gamma=2.0, beta=0.5), linear, (0.5, 0.9), (0.7, 0.1))
    assert weights[0] == pytest.approx([0.25 * math.log(2), 0.01 * -math.log(0.9)])
    assert weights[1] == pytest.approx([0.16 * -math.log(0.6), 0.25 * math.log(2)])


def test_weights_at_the_ends(linear):
    ((worst, best),) = follow(DTP(), linear, (0.0, 1.0))
    assert worst == pytest.approx(0.99 * math.log(100))
    assert best == 0


def test_without_gamma_it_is_the_logarithm(linear):
    assert follow(DTP(gamma=0.0), linear, (0.5, 1.0)) == [pytest.approx([math.log(2), 0.0])]


def test_a_batch_without_labels_changes_nothing(linear):
    before, within, after = follow(DTP(), linear, (0.5, 0.9), (math.nan, 0.9), (0.5, 0.9))
    assert within == pytest.approx(before)
    assert after == pytest.approx(before)


def test_the_average_starts_at_the_first_batch_with_labels(linear):
    _, first, second = follow(DTP(), linear, (math.nan, 0.9), (0.5, 0.9), (0.5, 0.9))
    assert first == second == pytest.approx([0.5 * math.log(2), -0.1 * math.log(0.9)])


def test_one_task_is_weighed_too(linear):
    assert follow(DTP(), linear, (0.5,)) == [pytest.approx([0.5 * math.log(2)])]


def trial(*names):
    data = MultiMNIST(task_names=names)
    return TrialSpec(dataset=data, model=LeNet(), strategy=DTP(), optimizer=SGD(lr=0.1), steps=1)


def test_a_task_without_a_bounded_metric_is_refused_when_planning():
    trial("left", "right").check()
    with pytest.raises(SpecError) as caught:
        trial("left", "reconstruct").check()
    assert str(caught.value) == (
        "Strategy dtp needs a metric with a bound for each task, such as accuracy. Task reconstruct has none (its metrics: "
        "mse). Choose another strategy, or leave the task out of the data set."
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"gamma": -1.0}, "`gamma` should not be negative"),
        ({"beta": 1.0}, r"`beta` should lie in \[0, 1\)"),
        ({"floor": 0.0}, r"`floor` should lie in \(0, 1\)"),
        ({"floor": 1.0}, r"`floor` should lie in \(0, 1\)"),
    ],
)
def test_refuses(fields, message):
    with pytest.raises(SpecError, match=message):
        DTP(**fields)
