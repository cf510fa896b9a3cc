"""The vector that has the same cosine with every task's gradient, and which gradients count as dependent."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mtlray.axes import Gramian, Weights

# Lengths and cosines of float32 gradients that are smaller than this, relative to what they are made of, are rounding noise.
ROUNDING = 1e-6

# A direction in the span of the gradients that is shorter than 1e-6 of the longest is rounding noise of float32 gradients;
# the eigenvalues of a Gramian are squares.
RANK_TOLERANCE = ROUNDING**2

# Where no direction has equal cosines, the best one misses by about one divided by the number of tasks, or more.
_CONSISTENT = 1e-4


def divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, zero where the denominator is."""
    zero = denominator == 0
    return (numerator / denominator.masked_fill(zero, 1.0)).masked_fill(zero, 0.0)


def equal_cosines(gramian: Gramian) -> Weights:
    """Weights of the shortest sum of the gradients whose inner product with each unit gradient is one.

    Where the gradients are dependent there may be none (`has_equal_cosines`), and it is the least-squares solution, which for
    two opposite gradients is zero. A task without a gradient is left out and weighs zero.
    """
    norms, cosines = norms_and_cosines(gramian)
    values, vectors = torch.linalg.eigh(cosines)
    kept = values > RANK_TOLERANCE * values[:, -1:]
    inverse = kept / values.masked_fill(~kept, 1.0)
    present = (norms > 0).to(gramian).unsqueeze(2)
    shares = (vectors @ (inverse.unsqueeze(2) * (vectors.mT @ present))).squeeze(2)
    # Where the sum of the unit gradients vanishes, rounding alone is left.
    shares = shares.masked_fill(
        shares.abs() < RANK_TOLERANCE * shares.abs().amax(dim=1, keepdim=True).clamp(min=1), 0.0
    )
    return divide(shares, norms)


def has_equal_cosines(gramian: Gramian, weights: Weights) -> Bool[Tensor, "seed"]:
    """Whether the sum of the gradients with these weights has an inner product of one with each unit gradient there is."""
    norms, cosines = norms_and_cosines(gramian)
    products = (cosines @ (weights * norms).unsqueeze(2)).squeeze(2)
    return ((products - 1).abs().masked_fill(norms == 0, 0.0) <= _CONSISTENT).all(dim=1)


def norms_and_cosines(gramian: Gramian) -> tuple[Weights, Gramian]:
    """The lengths of the gradients, and the cosines between them, zero where one of the two is."""
    norms = gramian.diagonal(dim1=1, dim2=2).sqrt()
    return norms, divide(gramian, norms.unsqueeze(1) * norms.unsqueeze(2))


def combined_length(gramian: Gramian, weights: Weights) -> Float[Tensor, "seed 1"]:
    """The length of each trial's sum of the gradients with these weights."""
    square = (weights * (gramian @ weights.unsqueeze(2)).squeeze(2)).sum(dim=1, keepdim=True)
    length: Tensor = square.clamp(min=0).sqrt()
    return length
