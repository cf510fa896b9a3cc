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
from mtlray.models.soundness import check_in_place, check_parameters, reaches
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
    with torch.random.fork_rng(devices=[]), default_dtype(torch.float32):
        network = _tried(lambda: model.build(input_shape, tasks), model, input_shape, "Building it")
        if not isinstance(network, SharedTrunk):
            raise SpecError(
                f"`build` of model {model.label} should return a SharedTrunk. Found {type(network).__name__}. Write "
                "`return SharedTrunk(trunk, heads)`, with a head for each task by its name."
            )
        _check_heads(model, network, tasks)
        check_parameters(model.label, network)
        inputs = probe_inputs(input_shape)
        with torch.no_grad():
            predictions = _tried(lambda: network.eval()(inputs), model, input_shape, "A forward pass")
        _check_predictions(model, predictions, tasks)
        check_in_place(model.label, network, inputs)
        before = torch.get_rng_state()
        trained = _tried(lambda: _in_training(network, inputs), model, input_shape, "A forward pass in training")
        if not model.stochastic and not torch.equal(torch.get_rng_state(), before):
            raise SpecError(
                f"Model {model.label} should say that it draws random numbers in training, as dropout does, because its trials "
                "then run one by one. Found `stochastic` False. Set `dropout=True` of a `Network`, or let `stochastic` of a spec "
                "of your own return True."
            )
        if not _tried(lambda: reaches(network, trained), model, input_shape, "A backward pass"):
            raise SpecError(
                f"The trunk of model {model.label} should be trained by its tasks. No gradient of what it makes reaches its "
                "parameters. Leave out `detach` and `no_grad`."
            )


def _in_training(network: SharedTrunk, inputs: Tensor) -> tuple[Tensor, ...]:
    """What a training step computes gradients of."""
    predictions: tuple[Tensor, ...] = network.train()(inputs)
    return predictions or (network.trunk(inputs),)


@lru_cache(maxsize=256)
def check_one_example(
    model: ModelSpec, input_shape: tuple[int, ...], tasks: tuple[Task, ...], through_trunk: int
) -> None:
    """Raise SpecError where the network cannot be trained on a batch in which a task has one example alone.

    Batch normalisation cannot where a channel has one value. `through_trunk` examples go through the trunk together.
    """
    with torch.random.fork_rng(devices=[]), default_dtype(torch.float32), torch.no_grad():
        network = model.build(input_shape, tasks).train()
        try:
            if model.single_representation:
                network.heads(network.trunk(probe_inputs(input_shape, through_trunk))[:1])
            else:
                network(probe_inputs(input_shape, through_trunk))
        except ValueError as error:
            raise SpecError(
                f"Model {model.label} should take a batch of one example. Training on one failed: {error}. Choose a `batch_size` "
                "that leaves more for the last batch of an epoch, or a normalisation that does not look at other examples."
            ) from error


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
