"""Whether a network takes a data set's inputs and serves its tasks: found out by trying it, when a sweep is planned."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from mtlray.axes import TokenShape
from mtlray.errors import MtlrayError, SpecError
from mtlray.models.base import ModelSpec, SharedTrunk, head_name
from mtlray.models.dtype import default_dtype
from mtlray.tasks.task import Task

_N_EXAMPLES = 2  # with one alone, batch normalisation of a single value fails


def probe_inputs(input_shape: tuple[int, ...], n: int = _N_EXAMPLES) -> Tensor:
    """Inputs of a shape, all zero; tokens of the vocabulary's last number."""
    if isinstance(input_shape, TokenShape):
        return torch.full((n, *input_shape), input_shape.vocabulary - 1)
    return torch.zeros(n, *input_shape)


@lru_cache(maxsize=256)
def check_fit(model: ModelSpec, input_shape: tuple[int, ...], tasks: tuple[Task, ...]) -> None:
    """Raise SpecError unless the network takes such inputs and predicts what each task asks for.

    It is built on the CPU, and sees two examples: one time as it is evaluated, and one time as it is trained.
    """
    with torch.random.fork_rng(devices=[]), default_dtype(torch.float32), torch.no_grad():
        network = _tried(lambda: model.build(input_shape, tasks), model, input_shape, "Building it")
        if not isinstance(network, SharedTrunk):
            raise SpecError(
                f"`build` of model {model.label} should return a SharedTrunk. Found {type(network).__name__}. Write "
                "`return SharedTrunk(trunk, heads)`, with a head for each task by its name."
            )
        _check_heads(model, network, tasks)
        inputs = probe_inputs(input_shape)
        predictions = _tried(lambda: network.eval()(inputs), model, input_shape, "A forward pass")
        _check_predictions(model, predictions, tasks)
        before = torch.get_rng_state()
        _tried(lambda: network.train()(inputs), model, input_shape, "A forward pass in training")
        if not model.stochastic and not torch.equal(torch.get_rng_state(), before):
            raise SpecError(
                f"Model {model.label} should say that it draws random numbers in training, as dropout does, because its trials "
                "then run one by one. Found `stochastic` False. Set `dropout=True` of a `Network`, or let `stochastic` of a spec "
                "of your own return True."
            )


def _tried(call: Callable[[], Any], model: ModelSpec, input_shape: Sequence[int], what: str) -> Any:
    """What a user's code returns; its errors in one paragraph."""
    try:
        return call()
    except (MtlrayError, MemoryError):
        raise
    except Exception as error:
        shape = "x".join(map(str, input_shape))
        said = " ".join(str(error).split())[:300].rstrip(".")
        raise SpecError(
            f"Model {model.label} should take the data set's inputs of {shape}. {what} failed: {type(error).__name__}: {said}. "
            "Change the model, or bring inputs of another shape."
        ) from error


def _check_heads(model: ModelSpec, network: SharedTrunk, tasks: Sequence[Task]) -> None:
    wanted, found = [head_name(task.name) for task in tasks], list(network.heads)
    if wanted != found:
        raise SpecError(
            f"Model {model.label} should have a head for each task, in their order: {', '.join(task.name for task in tasks)}. "
            f"Found {', '.join(found) or 'none'}. Make the heads from the tasks that `build` is given."
        )


def _check_predictions(model: ModelSpec, predictions: object, tasks: Sequence[Task]) -> None:
    if not isinstance(predictions, tuple) or len(predictions) != len(tasks):
        n = len(predictions) if isinstance(predictions, tuple) else type(predictions).__name__
        raise SpecError(
            f"Model {model.label} should return a tuple of {len(tasks)} predictions, one for each task. Found {n}."
        )
    for task, prediction in zip(tasks, predictions, strict=True):
        expected = (_N_EXAMPLES, *task.output_shape)
        found = tuple(prediction.shape) if isinstance(prediction, Tensor) else type(prediction).__name__
        if found != expected:
            raise SpecError(
                f"The head of task `{task.name}` in model {model.label} should predict {list(task.output_shape)} for an example, "
                f"so {list(expected)} for a batch of {_N_EXAMPLES}. Found {list(found) if isinstance(found, tuple) else found}. "
                "Let its last layer have `task.output_shape` outputs."
            )


def of_one_example(trunk: nn.Module, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what a trunk makes of one example, found by trying it. Raises what the trunk raises, and SpecError."""
    was = trunk.training
    with torch.no_grad():
        made = trunk.eval()(probe_inputs(input_shape))
    trunk.train(was)
    if not isinstance(made, Tensor):
        raise SpecError(f"A trunk should return one tensor, `[example, ...]`. Found {type(made).__name__}.")
    return tuple(made.shape[1:])
