"""The vector that has the same cosine with every task's gradient, and which gradients count as dependent."""

import torch
from torch import Tensor

from mtlray.axes import Gramian, Weights

# A direction in the span of the gradients that is shorter than 1e-6 of the longest is rounding noise of float32 gradients;
# the eigenvalues of a Gramian are squares.
RANK_TOLERANCE = 1e-12


def divide(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient, zero where the denominator is."""
    zero = denominator == 0
    return (numerator / denominator.masked_fill(zero, 1.0)).masked_fill(zero, 0.0)


def equal_cosines(gramian: Gramian) -> Weights:
    """Weights of the shortest sum of the gradients whose inner product with each unit gradient is one.

    Where the gradients are dependent there may be none, and it is the least-squares solution, zero for opposite gradients. A
    task without a gradient is left out and weighs zero.
    """
    norms = gramian.diagonal(dim1=1, dim2=2).sqrt()
    cosines = divide(gramian, norms.unsqueeze(1) * norms.unsqueeze(2))
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
