"""The probability simplex, on which several methods keep their weights."""

import torch

from mtlray.axes import Weights


def project_onto_simplex(weights: Weights) -> Weights:
    """The nearest point, in Euclidean distance, of which no number is negative and all sum to one (Held et al. 1974)."""
    # The same point for all moves along (1, ..., 1): so that large numbers do not round away the one that is to be the sum.
    weights = weights - weights.amax(dim=1, keepdim=True)
    descending = torch.sort(weights, dim=1, descending=True).values
    counts = torch.arange(1, weights.shape[1] + 1, dtype=weights.dtype, device=weights.device)
    excess = (descending.cumsum(dim=1) - 1) / counts
    # At least one number stays above zero; without the bound a nan, of a trial that diverged, would be an index error.
    kept = (descending > excess).sum(dim=1, keepdim=True).clamp(min=1)
    return (weights - excess.gather(1, kept - 1)).clamp(min=0)
