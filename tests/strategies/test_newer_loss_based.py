"""IGB, GO4Align and LDC-MTL: by hand, against their equations, and with losses 10^4 apart."""

import itertools

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import IGB, LDCMTL, GO4Align
from mtlray.strategies.numerics.clusters import group_means
from mtlray.testing import TASKS


def test_igb_by_hand(follow):
    first, second = [[2.0, 1.0], [4.0, 3.0]], [[1.0, 4.0]]
    found = follow(IGB(base_epoch=1, epsilon=0.0), first, second)
    bases = torch.tensor([3.0, 2.0]).double()
    shares = 2 * torch.softmax(torch.tensor([1.0, 4.0]).double() / bases, dim=0)
    expected = [[0.5, 1.0], [0.25, 1 / 3], (shares / torch.tensor([1.0, 4.0])).tolist()]
    torch.testing.assert_close(found, torch.tensor(expected).double())


def test_igb_keeps_its_base(follow):
    epochs = [[[2.0, 1.0]], [[5.0, 5.0]], [[1.0, 1.0]], [[1.0, 1.0]]]
    found = follow(IGB(base_epoch=2, epsilon=0.0), *epochs)
    assert found[1].tolist() == pytest.approx([0.2, 0.2])  # the second epoch is the base, and not yet over
    assert found[2].tolist() == found[3].tolist() == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("n", [*range(1, 6), pytest.param(6, marks=pytest.mark.slow)])
def test_groups_are_the_best_of_all_divisions(n):
    values = torch.randn(20, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    values[0] = 1.0
    values[1] = 1e6 + 1e-3 * values[1]
    for n_groups in range(1, n + 1):
        found = group_means(values, n_groups)
        for row, means in zip(values, found, strict=True):
            best = min(_spread(row, division) for division in itertools.product(range(n_groups), repeat=n))
            assert ((row - means) ** 2).sum().item() <= best * (1 + 1e-9) + 1e-12


def _spread(row, division):
    groups = [[x for x, g in zip(row.tolist(), division, strict=True) if g == group] for group in set(division)]
    return sum(sum((x - sum(g) / len(g)) ** 2 for x in g) for g in groups)


def test_go4align_by_hand(follow):
    # p stays uniform at a step of zero: risks of 7/4 x 1, 1/2 and 1/4 of 3/... in two groups, the largest alone.
    found = follow(GO4Align(n_groups=2, step_size=0.0), [[1.0, 2.0, 4.0]])
    risks = [7 / 3, 7 / 6, 7 / 12]
    assert found[0].tolist() == pytest.approx([risks[0], (risks[1] + risks[2]) / 2, (risks[1] + risks[2]) / 2])


def test_go4aligns_shares_follow_the_losses(follow):
    found = follow(GO4Align(n_groups=2, step_size=1.0), [[1.0, 2.0], [1.0, 2.0]])
    for step, row in enumerate(found, start=1):
        p = torch.softmax(-step * torch.tensor([1.0, 2.0]).double(), dim=0)
        torch.testing.assert_close(row, p * 3 / torch.tensor([1.0, 2.0]).double())


@pytest.mark.parametrize("n_tasks", [2, 3, 6])
def test_go4align_with_losses_far_apart_is_finite_and_one_group_weighs_alike(n_tasks, follow):
    losses = torch.logspace(-2, 2, n_tasks).tolist()
    many = follow(GO4Align(n_groups=n_tasks), [losses])[0]
    p = torch.softmax(-1e-4 * torch.tensor(losses).double(), dim=0)
    torch.testing.assert_close(many, p * sum(losses) / torch.tensor(losses).double(), atol=0, rtol=1e-5)  # epsilon
    one = follow(GO4Align(n_groups=1), [losses])[0]
    torch.testing.assert_close(one, many.mean().expand(n_tasks))


@pytest.mark.parametrize("normalisation", ["initial", "none"])
@pytest.mark.parametrize("n_tasks", [1, 2, 3, 8])
def test_ldc_mtl_is_its_equation(n_tasks, normalisation, start):
    strategy = LDCMTL(discrepancy=0.3, normalisation=normalisation)
    state = start(strategy, 1)
    rng = torch.Generator().manual_seed(n_tasks)
    first, now = torch.rand(2, n_tasks, generator=rng, dtype=torch.float64) * torch.logspace(-2, 2, n_tasks).double()
    scores = torch.randn(n_tasks, generator=rng, dtype=torch.float64, requires_grad=True)
    state.params["scores"] = scores.detach()[None].clone().requires_grad_()
    state.buffers["scale"] = torch.ones(1, n_tasks).double()
    _, _, state = strategy.combine(first[None], state)
    tau = first / first.min() if normalisation == "initial" else torch.ones(n_tasks).double()

    losses = now.clone().requires_grad_()
    gates = [1 / (1 + torch.exp(-s)) for s in scores]
    terms = [gate * loss / t for gate, loss, t in zip(gates, losses, tau, strict=True)]
    expected = sum(terms) / sum(gates) + 0.3 * sum(abs(a - b) for a, b in itertools.pairwise(terms))
    expected.backward()

    objective, weights, _ = strategy.combine(now[None], state)
    objective.sum().backward()
    torch.testing.assert_close(objective[0], expected, atol=1e-7, rtol=1e-6)
    torch.testing.assert_close(weights[0], losses.grad, atol=1e-7, rtol=1e-6)
    torch.testing.assert_close(state.params["scores"].grad[0], scores.grad, atol=1e-7, rtol=1e-6)


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match="Parameter `base_epoch` should be at least 1"):
        IGB(base_epoch=0)
    with pytest.raises(SpecError, match=r"Parameter `n_groups` of GO4Align should be at most the number of tasks, 3\."):
        GO4Align(n_groups=4).check(TASKS)
    with pytest.raises(SpecError, match='Parameter `normalisation` should be one of "initial", "none"'):
        LDCMTL(normalisation="loss")
