"""Weights from bytes into networks: those that a trial starts from, and those that were kept of it."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from mtlray.errors import SpecError
from mtlray.models import Computation, Networks
from mtlray.specs import TrialSpec
from mtlray.specs.kept import Kept


def start_from(networks: Networks, kept: Kept) -> None:
    """Give all seeds the kept weights. Raises DataError where the file is not what was planned with."""
    networks.take({name: tensor for name, tensor in tensors_of(kept.read()).items() if kept.takes(name)})


def tensors_of(weights: bytes) -> Mapping[str, Tensor]:
    """The tensors of a safetensors file by name, on the CPU."""
    from safetensors.torch import load

    tensors: Mapping[str, Tensor] = load(weights)
    return tensors


def rebuilt(trial: TrialSpec, weights: bytes, computation: Computation) -> Networks:
    """The network of a trial with kept weights. Raises SpecError where the weights are another network's."""
    shape, seeds = trial.dataset.input_shape, [trial.seed]
    networks = Networks(trial.model, shape, trial.tasks, seeds, computation, trial.precision)
    tensors = tensors_of(weights)
    _refuse_others(trial, networks, tensors, [*networks.parameters, *networks.buffers])
    networks.take(tensors)
    return networks


def _refuse_others(trial: TrialSpec, networks: Networks, tensors: Mapping[str, Tensor], names: Sequence[str]) -> None:
    have = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    want = {name: tuple(tensor.shape[1:]) for name, tensor in networks.state().items() if name in names}
    if have != want:
        raise SpecError(
            f"The kept weights of trial {trial.trial_id} should be those of model {trial.model.label}. Their names or shapes are "
            "others: a package that the model is made of may have changed. Use the versions that the trial was run with."
        )
