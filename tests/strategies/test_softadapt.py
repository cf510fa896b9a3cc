"""SoftAdapt: its finite differences, its variants and its cadences."""

import numpy as np
import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import SoftAdapt
from mtlray.strategies.softadapt import backward_difference


def softmax(*values):
    return torch.softmax(torch.tensor(values, dtype=torch.float64), dim=0)


@pytest.mark.parametrize(
    ("n", "expected"), [(2, [-1, 1]), (3, [1 / 2, -2, 3 / 2]), (5, [1 / 4, -4 / 3, 3, -4, 25 / 12])]
)
def test_known_coefficients(n, expected):
    assert backward_difference(n) == pytest.approx(expected)


@pytest.mark.parametrize("n", range(2, 8))
def test_differences_are_exact_for_polynomials(n):
    for degree in range(n):
        polynomial = np.polynomial.Polynomial(np.arange(1, degree + 2))
        slope = np.dot(backward_difference(n), polynomial(np.arange(n) / n)) * n
        assert slope == pytest.approx(polynomial.deriv()((n - 1) / n))


def test_plain(follow):
    weights = follow(SoftAdapt(beta=0.5, n_losses=2), [[2.0, 1.0], [1.0, 0.9], [1.0, 1.9]])
    expected = torch.stack([softmax(0, 0), softmax(-0.5, -0.05), softmax(0, 0.5)])
    torch.testing.assert_close(weights, expected)


def test_loss_weighted(follow):
    weights = follow(SoftAdapt(beta=0.5, n_losses=2, variant="loss_weighted"), [[2.0, 1.0], [1.0, 0.9]])
    terms = torch.tensor([1.5, 0.95]).double() * softmax(-0.5, -0.05)
    torch.testing.assert_close(weights[1], terms / terms.sum(), rtol=1e-6, atol=0)


def test_normalized(follow):
    weights = follow(SoftAdapt(beta=2.0, n_losses=2, variant="normalized"), [[2.0, 1.0], [1.0, 1.5]])
    torch.testing.assert_close(weights[1], softmax(2 * -1 / 1.5, 2 * 0.5 / 1.5), rtol=1e-6, atol=0)


def test_normalized_keeps_the_order_of_the_slopes_where_signed_slopes_cancel(follow):
    strategy = SoftAdapt(beta=1.0, n_losses=2, variant="normalized")
    for slopes in ([-1.0, 1.0], [-1.0, 0.5]):  # the signed sum is zero, or negative and would turn the order
        weights = follow(strategy, [[2.0, 2.0], [2.0 + slopes[0], 2.0 + slopes[1]]])
        assert weights[1, 1] > weights[1, 0]


@pytest.mark.parametrize("variant", ["plain", "loss_weighted", "normalized"])
def test_equal_until_the_history_is_full(variant, follow):
    weights = follow(SoftAdapt(n_losses=4, variant=variant), [[5.0, 1.0], [3.0, 1.0], [2.0, 1.0], [1.0, 1.0]])
    assert weights[:3].tolist() == [[0.5, 0.5]] * 3
    assert weights[3, 1] != 0.5
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4).double())


def test_epoch_cadence_looks_at_the_epochs_before(follow):
    strategy = SoftAdapt(beta=1.0, n_losses=2, cadence="epoch")
    weights = follow(strategy, [[3.0, 1.0], [1.0, 1.0]], [[1.0, 1.0], [1.0, 2.0]], [[9.0, 9.0], [0.0, 5.0]])
    torch.testing.assert_close(weights, torch.stack([softmax(0, 0)] * 4 + [softmax(-1, 0.5)] * 2))


def test_negative_beta_favours_the_better(follow):
    weights = follow(SoftAdapt(beta=-1.0, n_losses=2), [[2.0, 2.0], [1.0, 2.0]])
    assert weights[1, 0] > weights[1, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": float("nan")}, "Parameter `beta` should be finite. Found `beta = nan`."),
        ({"n_losses": 1}, "Parameter `n_losses` should be at least 2. Found `n_losses = 1`."),
        ({"variant": "plane"}, "There is no variant of SoftAdapt `plane`. Did you mean `plain`? "),
        ({"cadence": "never"}, "There is no cadence `never`."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        SoftAdapt(**arguments)
    assert str(caught.value).startswith(message)
