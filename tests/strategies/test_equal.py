"""The plain sum."""

import torch

from mtlray.strategies import Equal, State


def test_adds_the_losses():
    losses = torch.tensor([[1.0, 2.0, 4.0], [0.5, 0.25, 0.125]])
    objective, weights, state = Equal().combine(losses, State())
    assert objective.tolist() == [7.0, 0.875]
    assert weights.tolist() == [[1.0, 1.0, 1.0]] * 2
    assert (state.params, state.buffers) == ({}, {})
