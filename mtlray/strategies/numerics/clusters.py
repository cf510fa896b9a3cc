"""Groups of numbers: the exact solution of k-means in one dimension."""

import torch
from torch import Tensor

from mtlray.axes import Weights


def group_means(values: Weights, n_groups: int) -> Weights:
    """Each number replaced by the mean of its group, where `n_groups` groups have the smallest sum of squares, `[seed, task]`.

    Groups of the best division are neighbours in order, so that it is found by dynamic programming over the sorted numbers
    (Fisher 1958), without a random start.
    """
    n = values.shape[1]
    ordered, places = torch.sort(values.double(), dim=1)
    cost = _costs(ordered - ordered.mean(dim=1, keepdim=True))  # far from zero, squares would cancel
    best, starts = cost[:, 0, :], []
    for _ in range(n_groups - 1):
        # A last group that begins at `start` and ends at `end`, after the best groups of all that comes before.
        before = torch.cat([torch.full_like(best[:, :1], torch.inf), best[:, :-1]], dim=1)
        best, start = (before.unsqueeze(2) + cost).min(dim=1)
        starts.append(start)
    group = torch.zeros_like(places)
    end = torch.full_like(places[:, :1], n - 1)
    index = torch.arange(n, device=values.device).expand_as(places)
    for number, start in enumerate(reversed(starts)):
        first = start.gather(1, end.clamp(min=0))
        group = torch.where((index >= first) & (index <= end), n_groups - 1 - number, group)
        end = first - 1
    sums = torch.zeros(len(values), n_groups, dtype=torch.float64, device=values.device)
    counts = sums.scatter_add(1, group, torch.ones_like(ordered))
    means = sums.scatter_add(1, group, ordered) / counts.clamp(min=1)
    return torch.zeros_like(ordered).scatter(1, places, means.gather(1, group)).to(values)


def _costs(ordered: Tensor) -> Tensor:
    """The sum of squares around their mean of the numbers from the i-th to the j-th, `[seed, i, j]`; infinite for i > j."""
    n = ordered.shape[1]
    sums = torch.nn.functional.pad(torch.stack([ordered, ordered.square()]).cumsum(dim=2), (1, 0))
    first, second = sums[:, :, None, 1:] - sums[:, :, :-1, None]
    count = torch.arange(n, device=ordered.device)
    count = count[None, :] - count[:, None] + 1
    cost = (second - first.square() / count.clamp(min=1)).clamp(min=0)
    lowest: Tensor = cost.masked_fill(count < 1, torch.inf)
    return lowest
