"""GradNorm: its first step by hand, where its weights come to rest, and which layer it looks at."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import GradNorm
from mtlray.tasks.task_losses import TaskLosses


def batch(offsets=(1.0, 1.0), slopes=(1.0, 4.0)):
    """Two losses that are linear in the last weight, with gradients of the given sizes there."""
    first, layer, bias = (torch.zeros(s, dtype=torch.float64, requires_grad=True) for s in ((3, 2), (1, 2), (2,)))
    direction = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    values = [
        o + s * (direction * layer).sum() + 9 * first.sum() + bias.sum() for o, s in zip(offsets, slopes, strict=True)
    ]
    return TaskLosses(
        torch.stack(values).unsqueeze(0), [first, layer, bias], [[], []], False, lambda: torch.zeros(1, 2)
    )


def test_first_step_by_hand(start):
    # Sizes 1 and 4 around their mean 2.5: Adam's first step is one learning rate up and one down.
    strategy, losses = GradNorm(), batch()
    weights, state = strategy.backward([losses], start(strategy))
    assert weights.tolist() == [[1.0, 1.0]]
    torch.testing.assert_close(state.buffers["weights"], torch.tensor([[1.025, 0.975]]).double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(losses.shared[1].grad, torch.tensor([[3.0, 4.0]]).double())  # 5 times the direction


def test_sizes_of_the_gradients_become_equal_at_equal_rates(start):
    strategy = GradNorm(lr=0.02)
    state = start(strategy)
    for _ in range(100):
        _, state = strategy.backward([batch()], state)
    torch.testing.assert_close(state.buffers["weights"], torch.tensor([[1.6, 0.4]]).double(), rtol=0, atol=0.04)
    assert state.buffers["weights"].sum().item() == pytest.approx(2)


def test_a_task_that_learns_slowly_is_pulled(start):
    # From losses of one the first falls to 1/2: rates 2/3 and 4/3, so at alpha 1 the sizes rest at 1 : 2.
    strategy = GradNorm(alpha=1.0, lr=0.02)
    _, state = strategy.backward([batch(slopes=(1.0, 1.0))], start(strategy))
    for _ in range(100):
        _, state = strategy.backward([batch(offsets=(0.5, 1.0), slopes=(1.0, 1.0))], state)
    torch.testing.assert_close(state.buffers["weights"], torch.tensor([[2 / 3, 4 / 3]]).double(), rtol=0, atol=0.04)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -1.0}, "Parameter `alpha` should not be negative. Found `alpha = -1.0`."),
        ({"lr": 0.0}, "Parameter `lr` should be positive. Found `lr = 0.0`."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        GradNorm(**arguments)
    assert str(caught.value) == message
