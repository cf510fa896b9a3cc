"""Two losses of two numbers with a known Pareto front, and the points from which strategies start.

Liu et al. 2021 (CAGrad), appendix; Navon et al. 2022 (Nash-MTL) multiply the first loss by 0.1. Both losses have a valley in the
upper half plane, where the gradients of the two differ in length and oppose each other, and a bowl in the lower one.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mtlray.axes import Losses
from mtlray.tasks.losses import squared_error
from mtlray.tasks.task import Task

STARTS = ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0))
TASKS = tuple(
    Task(name=name, likelihood="gaussian", output_shape=(1,), loss=squared_error, metrics=())
    for name in ("first", "second")
)
_LOWEST = 5e-6  # what a logarithm is taken of, at least
_MINIMA = 7.0  # where the bowls have their minima, to both sides


def losses(points: Float[Tensor, "seed 2"], scale: float) -> Losses:
    """Both losses at each point; the first one times `scale`."""
    x, y = points.unbind(dim=1)
    # Both have a slope where y is 0, as in the published figures; whether torch's clamp has one depends on its version.
    upper, lower = (torch.where(sign * y >= 0, torch.tanh(sign * y / 2), 0) for sign in (1, -1))
    valleys = [((-x - 7) / 2 + torch.tanh(y)).abs(), ((-x + 3) / 2 - torch.tanh(y) + 2).abs()]
    logarithms = [valley.clamp(min=_LOWEST).log() + 6 for valley in valleys]
    bowls = [((x - side) ** 2 + (y + 8) ** 2 / 10) / 10 - 20 for side in (_MINIMA, -_MINIMA)]
    first, second = (logarithm * upper + bowl * lower for logarithm, bowl in zip(logarithms, bowls, strict=True))
    return torch.stack([scale * first, second], dim=1)


def front(n: int = 501) -> Float[Tensor, "point 2"]:
    """`n` points of the Pareto front, from the best one of the second loss to the best one of the first.

    In the lower half plane both losses are a bowl, convex in the first number, times the same function of the second. So a point
    is on the front if it is the best one of a weighted sum; `scale` does not change which are.
    """
    share = torch.linspace(0, 1, n, dtype=torch.float64)
    x = _MINIMA * (2 * share - 1)
    bowl = 4 * _MINIMA**2 * share * (1 - share) / 10 - 20  # the weighted sum of both at the best first number
    y = torch.linspace(-10, -7, 30_001, dtype=torch.float64)
    best = [int((torch.tanh(-y / 2) * (value + (y + 8) ** 2 / 100)).argmin()) for value in bowl]
    return torch.stack([x, y[best]], dim=1)
