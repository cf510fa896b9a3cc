"""How the tasks' gradients of the trunk lie to each other: angles, lengths, conflicts; for any strategy."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from mtlray.axes import Jacobian, PerSeed
from mtlray.models import Networks
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses

N_BATCHES = 4
"""How many training batches an evaluation looks at; part of what a trial with diagnostics computes."""


def gradient_diagnostics(jacobians: Sequence[Jacobian], tasks: Sequence[Task]) -> dict[str, PerSeed]:
    """Columns of the curves, `[seed]` each, from the tasks' gradients on some batches.

    - `gradient/norm/{task}`: Euclidean norm, mean over the batches.
    - `gradient/cosine`: cosine of the angle between two tasks' gradients, mean over pairs and batches.
    - `gradient/conflict_rate`: share of pairs and batches with a negative inner product.
    - `gradient/magnitude_similarity`: 2|a||b| / (|a|^2 + |b|^2), mean over pairs and batches (Yu et al., NeurIPS 2020, def. 2).
    - `gradient/condition_number`: largest over smallest singular value of the Jacobian, mean over the batches.

    A pair with a gradient of zero has no angle and is left out of the mean; where both are zero, of the similarity's too.
    With one task there are norms alone. What is not finite stays so and raises nothing.
    """
    stacked = torch.stack([jacobian.detach() for jacobian in jacobians]).double()  # [batch, seed, task, param]
    norms = torch.linalg.vector_norm(stacked, dim=3)
    found = {f"gradient/norm/{task.name}": norms[:, :, t].mean(dim=0) for t, task in enumerate(tasks)}
    if len(tasks) < 2:
        return found
    pairs = list(itertools.combinations(range(len(tasks)), 2))
    one, two = ([pair[side] for pair in pairs] for side in (0, 1))
    products = (stacked[:, :, one] * stacked[:, :, two]).sum(dim=3)  # [batch, seed, pair]
    a, b = norms[:, :, one], norms[:, :, two]
    finite = torch.isfinite(norms).all(dim=2, keepdim=True)
    singular = torch.linalg.svdvals(torch.where(finite.unsqueeze(3), stacked, 0.0))  # it refuses what is not finite
    conditions = torch.where(finite[..., 0], singular[..., 0] / singular[..., -1], torch.nan)
    return found | {
        "gradient/cosine": (products / (a * b)).nanmean(dim=(0, 2)),
        "gradient/conflict_rate": (products < 0).double().mean(dim=(0, 2)),
        "gradient/magnitude_similarity": (2 * a * b / (a.square() + b.square())).nanmean(dim=(0, 2)),
        "gradient/condition_number": conditions.mean(dim=0),
    }


def jacobians(networks: Networks, batches: Sequence[Callable[[], TaskLosses]]) -> list[Jacobian]:
    """The Jacobian of each batch, with the networks left as they were: `.grad` and buffers, such as a batch norm's statistics."""
    with _untouched(networks):
        return [losses().jacobian() for losses in batches]


@contextmanager
def _untouched(networks: Networks) -> Iterator[None]:
    gradients: list[Tensor | None] = [parameter.grad for parameter in networks.parameters.values()]
    buffers = {name: buffer.clone() for name, buffer in networks.buffers.items()}
    try:
        yield
    finally:
        for parameter, gradient in zip(networks.parameters.values(), gradients, strict=True):
            parameter.grad = gradient
        for name, buffer in networks.buffers.items():
            buffer.copy_(buffers[name])
