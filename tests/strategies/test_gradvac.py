"""GradVac: the first steps by hand, TorchJD's numbers where the order does not matter, and targets near one."""

import pytest
import torch
from torchjd.aggregation import GradVacWeighting, PCGradWeighting

from mtlray.errors import SpecError
from mtlray.strategies import GradVac


def follow_gradients(strategy, batches, state):
    weights = []
    for gradients in batches:
        _, w, state = strategy.aggregate(gradients.unsqueeze(0), torch.ones(1, len(gradients)).double(), state)
        weights.append(w[0])
    return torch.stack(weights), state


def test_first_step_is_pcgrads_and_the_target_follows_the_cosine(start):
    gradients = torch.tensor([[1.0, 0.0], [-1.0, 1.0]]).double()
    weights, state = follow_gradients(GradVac(beta=0.5), [gradients], start(GradVac()))
    assert weights[0].tolist() == pytest.approx([2.0, 1.5])
    target = state.buffers["target"][0]
    assert target[0, 1].item() == pytest.approx(-0.5 / 2**0.5)
    assert target[0, 0].item() == 0


def test_a_gradient_is_turned_until_it_is_as_similar_as_before(start):
    # After parallel gradients at beta 0.6 the target is 0.6: of orthogonal ones each takes 3/4 of the other, cosine 0.6.
    parallel, orthogonal = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]]).double()
    weights, _ = follow_gradients(GradVac(beta=0.6), [parallel, orthogonal], start(GradVac()))
    assert weights.tolist() == [pytest.approx([1.0, 1.0]), pytest.approx([1.75, 1.75])]


def test_is_torchjds_for_two_tasks(start):
    batches = torch.randn(8, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    weights, _ = follow_gradients(GradVac(beta=0.3), batches, start(GradVac()))
    oracle = GradVacWeighting(beta=0.3, eps=0.0)
    with torch.random.fork_rng(devices=[]):
        expected = torch.stack([oracle(g @ g.mT) for g in batches])
        pcgrad = torch.stack([PCGradWeighting()(g @ g.mT) for g in batches])
    torch.testing.assert_close(weights, expected)
    assert not torch.allclose(weights, pcgrad)


def test_the_length_of_the_gradients_does_not_change_the_weights_of_equal_ones(start):
    batches = torch.randn(4, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected, _ = follow_gradients(GradVac(), batches, start(GradVac(), 3))
    found, _ = follow_gradients(GradVac(), 1e-12 * batches, start(GradVac(), 3))
    torch.testing.assert_close(found, expected)


def test_a_target_of_one_takes_no_infinite_weight(start):
    parallel, orthogonal = torch.tensor([[[1.0, 0.0], [2.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]]).double()
    weights, _ = follow_gradients(GradVac(beta=1.0), [parallel, orthogonal], start(GradVac()))
    assert torch.isfinite(weights).all()
    assert weights[1].max() < 1000


def test_no_gradient_does_nothing(start):
    gradients = torch.tensor([[1.0, 2.0], [0.0, 0.0]]).double()
    weights, state = follow_gradients(GradVac(), [gradients] * 3, start(GradVac()))
    assert torch.equal(weights, torch.ones(3, 2).double())
    assert not state.buffers["target"].any()


@pytest.mark.usefixtures("unchecked")
def test_refuses():
    with pytest.raises(SpecError, match=r"Parameter `beta` should lie in \[0, 1\]. Found `beta = 1.5`."):
        GradVac(beta=1.5)


@pytest.mark.parametrize("seed", range(10))
def test_the_rounding_left_of_a_gradient_that_others_cancel_has_no_cosine(seed, start):
    plane = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]]).double()  # without rounding
    turned = torch.linalg.qr(torch.randn(50, 2, generator=torch.Generator().manual_seed(seed)).double()).Q.mT
    expected, _ = follow_gradients(GradVac(), [plane] * 10, start(GradVac(), 3))
    found, _ = follow_gradients(GradVac(), [plane @ turned] * 10, start(GradVac(), 3))
    torch.testing.assert_close(found, expected)
