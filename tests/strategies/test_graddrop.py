"""GradDrop: masks by hand from the trial's own draws, and their mean."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.randomness import generator
from mtlray.strategies import GradDrop
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state

GRADIENTS = torch.tensor([[3.0, 1.0, -1.0, 2.0, 0.0], [-1.0, 1.0, -2.0, -2.0, 0.0]]).double()


def directions(strategy, gradients, n, seed=0):
    state = initial_state(strategy, TASKS[: len(gradients)], [seed], torch.device("cpu"), torch.float64)
    found = []
    for _ in range(n):
        losses = torch.ones(1, len(gradients)).double()
        direction, weights, state = strategy.aggregate(gradients.unsqueeze(0), losses, state)
        assert torch.isnan(weights).all()
        found.append(direction[0])
    return torch.stack(found)


def test_first_steps_by_hand():
    # Purities 3/4, 1, 0, 1/2; where signs agree the sum, else one sign's share.
    for step, found in enumerate(directions(GradDrop(), GRADIENTS, 5, seed=3).tolist()):
        u = torch.rand(5, generator=generator(3, "strategy", step), dtype=torch.float32)
        assert found == [3.0 if u[0] < 0.75 else -1.0, 2.0, -3.0, 2.0 if u[3] < 0.5 else -2.0, 0.0]


def test_on_average_each_sign_counts_by_its_purity():
    mean = directions(GradDrop(), GRADIENTS, 2000).mean(dim=0)
    expected = torch.tensor([0.75 * 3 - 0.25, 2.0, -3.0, 0.0, 0.0]).double()
    torch.testing.assert_close(mean, expected, atol=0.15, rtol=0)


def test_a_leak_lets_a_share_through():
    none, half, all_of_it = (directions(GradDrop(leak=leak), GRADIENTS, 3) for leak in (0.0, 0.5, 1.0))
    torch.testing.assert_close(all_of_it, GRADIENTS.sum(dim=0).expand(3, 5))
    torch.testing.assert_close(half, (none + all_of_it) / 2)


def test_precision_does_not_change_the_masks():
    jacobian = torch.randn(2, 40, generator=torch.Generator().manual_seed(0))
    state = initial_state(GradDrop(), TASKS[:2], [0], torch.device("cpu"), torch.float32)
    single, _, _ = GradDrop().aggregate(jacobian.unsqueeze(0), torch.ones(1, 2), state)
    torch.testing.assert_close(single[0].double(), directions(GradDrop(), jacobian.double(), 1)[0])


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `leak` should lie in \[0, 1\]. Found `leak = 2.0`."):
        GradDrop(leak=2.0)
    with pytest.raises(SpecError, match=r"Parameter `head_grad` of GradDrop should be \"unweighted\""):
        GradDrop(head_grad="weighted")
