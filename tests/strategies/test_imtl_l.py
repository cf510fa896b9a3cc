"""IMTL-L: its equation, its rest, TorchJD, and its kinship with uncertainty weighting."""

import math

import pytest
import torch
import torchjd.scalarization

from mtlray.errors import SpecError
from mtlray.strategies import IMTLL, Uncertainty

LOSSES = torch.tensor([[4.0, 1.0, 0.05]], dtype=torch.float64)


def set_to(state, *values):
    (parameter,) = state.params.values()
    parameter.data.copy_(torch.tensor([values]))
    return state


def test_by_hand(start):
    # e^ln2 * 4 - ln2 + 1 - 0 + e^-ln2 * 0.05 + ln2
    ln2 = torch.tensor(2.0).double().log().item()
    objective, weights, _ = IMTLL().combine(LOSSES, set_to(start(IMTLL(), 3), ln2, 0.0, -ln2))
    torch.testing.assert_close(weights, torch.tensor([[2.0, 1.0, 0.5]]).double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(objective, torch.tensor([9.025]).double(), rtol=1e-6, atol=0)


def test_agrees_with_torchjd(start):
    theirs = torchjd.scalarization.IMTLL(3).double()
    theirs.log_scale.data.copy_(torch.tensor([0.3, -0.2, 0.1]))
    objective, _, _ = IMTLL().combine(LOSSES, set_to(start(IMTLL(), 3), 0.3, -0.2, 0.1))
    torch.testing.assert_close(objective.detach(), theirs(LOSSES[0]).detach()[None])


def test_is_twice_uncertainty_weighting_at_the_opposite_parameter(start):
    uncertainty = Uncertainty(form="gaussian")
    ours, w, _ = IMTLL().combine(LOSSES, set_to(start(IMTLL(), 3), 0.3, -0.2, 0.1))
    theirs, v, _ = uncertainty.combine(LOSSES, set_to(start(uncertainty, 3), -0.3, 0.2, -0.1))
    torch.testing.assert_close(ours, 2 * theirs)
    torch.testing.assert_close(w, 2 * v)


def test_comes_to_rest_at_one_over_the_loss(start):
    state = start(IMTLL(), 3)
    optimizer = torch.optim.Rprop(state.params.values())
    for _ in range(200):
        optimizer.zero_grad()
        IMTLL().combine(LOSSES, state)[0].sum().backward()
        optimizer.step()
    torch.testing.assert_close(IMTLL().combine(LOSSES, state)[1].detach(), 1 / LOSSES, rtol=1e-4, atol=0)


def test_limit_keeps_the_weights_finite(start):
    strategy = IMTLL(log_scale_limit=2.0)
    _, weights, _ = strategy.combine(LOSSES, set_to(start(strategy, 3), 1e4, 0.0, -1e4))
    torch.testing.assert_close(weights.detach().log(), torch.tensor([[2.0, 0.0, -2.0]]).double())


def test_beyond_the_limit_only_the_gradient_that_leads_back_counts(start):
    # At the bound the slope is exp(2) L - 1 above and exp(-2) L - 1 below.
    strategy = IMTLL(log_scale_limit=2.0)
    for value, loss, slope in ((3.0, 0.0, 0.0), (3.0, 1.0, math.exp(2) - 1), (-3.0, 0.0, -1.0), (-3.0, 10.0, 0.0)):
        state = set_to(start(strategy, 3), value, value, value)
        strategy.combine(torch.full((1, 3), loss).double(), state)[0].sum().backward()
        torch.testing.assert_close(state.params["log_scale"].grad, torch.full((1, 3), slope).double())


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `log_scale_limit` should be positive or None. Found"):
        IMTLL(log_scale_limit=0.0)
