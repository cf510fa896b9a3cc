"""Random loss weighting: the distribution, and where the numbers come from."""

import torch

from mtlray.randomness import generator
from mtlray.strategies import RLW
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state


def draws(seeds, n, n_tasks=3):
    state = initial_state(RLW(), TASKS[:n_tasks], seeds, torch.device("cpu"), torch.float64)
    weights = []
    for _ in range(n):
        _, w, state = RLW().combine(torch.ones(len(seeds), n_tasks, dtype=torch.float64), state)
        weights.append(w)
    return torch.stack(weights, dim=1)  # [seed, step, task]


def test_weights_are_the_softmax_of_the_trials_own_stream():
    for step, weights in enumerate(draws([7], 3)[0]):
        normal = torch.randn(3, generator=generator(7, "strategy", step), dtype=torch.float64)
        torch.testing.assert_close(weights, normal.exp() / normal.exp().sum())


def test_sum_to_one_and_differ_by_step_and_seed():
    weights = draws([0, 1], 4)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 4).double())
    assert len(set(weights[..., 0].flatten().tolist())) == 8


def test_distribution_is_that_of_the_softmax_of_normals():
    # The logarithm of the ratio of two weights is the difference of two normals: mean 0, variance 2.
    ratio = draws([0], 2000, n_tasks=2)[0].log().diff(dim=1)
    assert abs(ratio.mean()) < 0.12
    assert abs(ratio.var() - 2) < 0.25


def test_precision_changes_nothing():
    weights = []
    for dtype in (torch.float32, torch.float64):
        state = initial_state(RLW(), TASKS, [3], torch.device("cpu"), dtype)
        weights.append(RLW().combine(torch.ones(1, 3, dtype=dtype), state)[1])
    assert torch.equal(weights[0], weights[1].float())
