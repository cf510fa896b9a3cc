"""MGDA-UB: the weights of MGDA at the representation, and the trunk's gradient that they make."""

import pytest
import torch

from mtlray.data import MultiMNIST
from mtlray.errors import SpecError, StrategyError
from mtlray.models import Computation, LeNet, Networks
from mtlray.strategies import MGDA, MGDAUB
from mtlray.tasks.task_losses import TaskLosses

COMPUTATION = Computation(torch.device("cpu"), kernel="torch")
STRETCH = torch.tensor([1.0, 3.0], dtype=torch.float64)


def step(strategy, start, rows, values=(1.0, 1.0)):
    """Weights and the trunk's and the heads' gradients, for losses with these gradients at z = (1, 3) times the trunk."""
    trunk = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    heads = [torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in rows]
    z = trunk * STRETCH
    made = torch.tensor(values, dtype=torch.float64) + torch.tensor(rows, dtype=torch.float64) @ z + torch.cat(heads)
    batch = TaskLosses(made.unsqueeze(0), [trunk], [[h] for h in heads], False, lambda: made.unsqueeze(0), z)
    weights, _ = strategy.backward([batch], start(strategy, len(rows)))
    return weights[0].tolist(), trunk.grad.tolist(), [h.grad.item() for h in heads]


def test_by_hand(start):
    weights, trunk, heads = step(MGDAUB(), start, [[1.0, 0.0], [0.0, 2.0]])
    assert weights == pytest.approx([0.8, 0.2]), "as of the representation's gradients; the trunk's would give 36/37"
    assert trunk == pytest.approx([0.8, 0.2 * 2 * 3])
    assert heads == [1.0, 1.0]


def test_normalisation_is_by_the_representation(start):
    weights, *_ = step(MGDAUB("loss+"), start, [[1.0, 0.0], [0.0, 3.0]], values=(1.0, 3.0))
    assert weights == pytest.approx([0.1, 0.9])


def test_match_sum_and_weighted_heads(start):
    strategy = MGDAUB(grad_scale="match_sum", head_grad="weighted")
    weights, trunk, heads = step(strategy, start, [[1.0, 0.0], [0.0, 2.0]])
    factor = (1 + 36) ** 0.5 / (0.8**2 + 1.2**2) ** 0.5
    assert trunk == pytest.approx([0.8 * factor, 1.2 * factor])
    assert weights == heads == pytest.approx([0.8 * factor, 0.2 * factor])


def test_one_task_is_plain_training(start):
    assert step(MGDAUB(), start, [[2.0, 1.0]], values=(1.0,)) == ([1.0], [2.0, 3.0], [1.0])


@pytest.mark.parametrize("seeds", [(3,), (3, 4)])
def test_on_lenet_it_is_mgda_at_the_representation(seeds, start):
    data = MultiMNIST()
    networks = Networks(LeNet(), data.input_shape, data.tasks, seeds, COMPUTATION, "float64")
    rng = torch.Generator().manual_seed(0)
    inputs = torch.rand(len(seeds), 4, *data.input_shape, generator=rng, dtype=torch.float64)
    targets = [torch.randint(10, (len(seeds), 4), generator=rng) for _ in data.tasks]
    rows = networks.losses(inputs, targets, 0).representation_jacobian()
    _, expected, _ = MGDA().aggregate(rows, torch.ones(len(seeds), 2).double(), start(MGDA()))
    jacobian = networks.losses(inputs, targets, 0).jacobian()
    heads = [p.grad.clone() for head in networks.heads for p in head]
    losses = networks.losses(inputs, targets, 0)
    weights, _ = MGDAUB().backward([losses], start(MGDAUB()))
    torch.testing.assert_close(weights, expected)
    found = torch.cat([p.grad.reshape(len(seeds), -1) for p in networks.shared], dim=1)
    torch.testing.assert_close(found, (weights.unsqueeze(1) @ jacobian).squeeze(1), rtol=1e-9, atol=1e-14)
    for p, gradient in zip((p for head in networks.heads for p in head), heads, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=1e-10, atol=1e-14)


def test_the_trunk_is_passed_once():
    """Two tasks, one backward pass through the trunk: what `backward_passes` says."""
    data, counts = MultiMNIST(), []
    networks = Networks(LeNet(), data.input_shape, data.tasks, (0,), COMPUTATION, "float64")
    losses = networks.losses(
        torch.rand(1, 2, *data.input_shape).double(), [torch.zeros(1, 2, dtype=torch.int64)] * 2, 0
    )
    losses.representation.grad_fn.next_functions[0][0].register_prehook(lambda _: counts.append(1))
    MGDAUB().backward([losses], MGDAUB().init(data.tasks, torch.tensor([0])))
    assert len(counts) == 1


def test_a_solver_that_fails(start, monkeypatch):
    def fail(vectors):
        raise StrategyError("No.")

    monkeypatch.setattr("mtlray.strategies.mgda.simplex_min_norm", fail)
    rows = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    with pytest.raises(StrategyError, match=r"No\. The trial stops here"):
        step(MGDAUB(), start, rows, values=(1.0,) * 3)
    assert step(MGDAUB(on_solver_error="fallback"), start, rows, values=(1.0,) * 3)[:2] == ([1.0] * 3, [2.0, 6.0])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("field", ["normalisation", "on_solver_error", "grad_scale", "head_grad"])
def test_refuses(field):
    with pytest.raises(SpecError, match=f"Parameter `{field}` should be one of"):
        MGDAUB(**{field: "some"})
