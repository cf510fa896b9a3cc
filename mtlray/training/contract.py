"""Rules that a strategy must follow while it runs. Breaking one would give numbers that depend on more than the trial's spec."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtlray.errors import SpecError
from mtlray.models.dtype import default_dtype
from mtlray.strategies import AbstractStrategy, State
from mtlray.tasks.task import Task


def check_state(strategy: AbstractStrategy, state: State, n_seeds: int) -> None:
    """Raise SpecError unless each tensor of the state leads with a `seed` axis; checkpoints are cut along it."""
    for name, tensor in {**state.params, **state.buffers}.items():
        if not isinstance(tensor, Tensor):
            raise SpecError(
                f"The state of {strategy.label} should be tensors. Found `{name}` of type {type(tensor).__name__}."
            )
        _check_lead(strategy, f"`{name}` in the state", tensor, n_seeds)


def check_weights(strategy: AbstractStrategy, weights: Tensor, expected: torch.Size) -> None:
    """Raise SpecError unless there is one weight for each seed and task; another shape would broadcast silently."""
    if weights.shape != expected:
        raise SpecError(
            f"The weights that {strategy.label} returns should have shape [seed, task] = {list(expected)}. "
            f"Found {list(weights.shape)}."
        )


def check_scalars(strategy: AbstractStrategy, scalars: dict[str, Tensor], n_seeds: int) -> None:
    """Raise SpecError unless each scalar has one value for each seed."""
    for name, values in scalars.items():
        if values.shape != (n_seeds,):
            raise SpecError(
                f"Scalar `{name}` of {strategy.label} should have shape [seed] = [{n_seeds}]. Found {list(values.shape)}."
            )


def refuse_global_randomness(strategy: AbstractStrategy, before: Tensor) -> None:
    """Raise SpecError where torch's global generator has moved since its state was `before`."""
    if not torch.equal(torch.get_rng_state(), before):
        raise SpecError(
            f"Strategy {strategy.label}, or the model or a loss, drew from torch's global generator, so that the trial's "
            "numbers would depend on what ran before it. Draw from "
            '`mtlray.randomness.generator(seed, "strategy", step)`, as RLW does.'
        )


def _check_lead(strategy: AbstractStrategy, what: str, tensor: Tensor, n_seeds: int) -> None:
    if tensor.ndim == 0 or tensor.shape[0] != n_seeds:
        raise SpecError(
            f"{what} of {strategy.label} should lead with a `seed` axis of {n_seeds}, also when there is one seed, such as "
            f"`torch.zeros(len(seeds), len(tasks))`. Found shape {list(tensor.shape)}."
        )


def initial_state(
    strategy: AbstractStrategy,
    tasks: Sequence[Task],
    seeds: Sequence[int],
    device: torch.device,
    dtype: torch.dtype,
    n_shared: int = 0,
) -> State:
    """The strategy's state before the first step, in the trial's precision and on its device.

    `n_shared` is the number of one trial's shared parameters; what looks at losses alone needs none.
    """
    with default_dtype(dtype):  # so that 0.1 is the trial's 0.1 and not that of float32
        state = strategy.allocate(strategy.init(tasks, torch.tensor(seeds)), n_shared)
    check_state(strategy, state, len(seeds))
    params = {name: p.detach().to(device).requires_grad_() for name, p in state.params.items()}
    return State(params, on_device(strategy, state.buffers, device))


def on_device(strategy: AbstractStrategy, buffers: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """A state's buffers on the device, but for those that the strategy wants on the CPU."""
    return {name: buffer if name in strategy.on_cpu else buffer.to(device) for name, buffer in buffers.items()}
