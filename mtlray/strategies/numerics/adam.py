"""Adam as a pure function, for strategies whose own optimizer is part of the published method."""

import torch
from torch import Tensor


def adam_init(value: Tensor) -> dict[str, Tensor]:
    """Buffers for the two moments and, `[seed, 1]`, the number of steps."""
    moments = {"first_moment": torch.zeros_like(value), "second_moment": torch.zeros_like(value)}
    return {**moments, "adam_steps": value.new_zeros(len(value), 1)}


def adam_step(
    value: Tensor, gradient: Tensor, buffers: dict[str, Tensor], lr: float, weight_decay: float = 0.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """The new value and buffers; betas 0.9 and 0.999, eps 1e-8, decay added to the gradient, all as torch.optim.Adam."""
    gradient = gradient + weight_decay * value
    steps = buffers["adam_steps"] + 1
    first = 0.9 * buffers["first_moment"] + 0.1 * gradient
    second = 0.999 * buffers["second_moment"] + 0.001 * gradient.square()
    denominator = (second / (1 - 0.999**steps)).sqrt() + 1e-8
    value = value - lr * (first / (1 - 0.9**steps)) / denominator
    return value, {"first_moment": first, "second_moment": second, "adam_steps": steps}
