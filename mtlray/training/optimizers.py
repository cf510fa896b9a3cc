"""Optimizers from their specs, and their slots by parameter name with the `seed` axis in front."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mtlray.errors import SpecError
from mtlray.models import Networks
from mtlray.specs import SGD, Adam, OptimizerSpec
from mtlray.strategies import State

# The slots that count steps, one number for a parameter; all others have the parameter's shape. Shapes alone do not tell them
# apart where a parameter has one number a seed.
_COUNTERS = frozenset({"step"})


def build_optimizer(
    spec: OptimizerSpec, network: Sequence[Tensor], strategy: dict[str, Tensor]
) -> torch.optim.Optimizer:
    """One group for the network, and one for the strategy's own parameters, which are never decayed."""
    groups: list[dict[str, Any]] = [{"params": list(network), "weight_decay": spec.weight_decay}]
    if strategy:
        groups.append({"params": list(strategy.values()), "lr": spec.strategy_lr or spec.lr, "weight_decay": 0.0})
    if isinstance(spec, SGD):
        return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, fused=True)
    if isinstance(spec, Adam):
        return torch.optim.Adam(groups, lr=spec.lr, fused=True)
    raise SpecError(f"The optimizer should be SGD or Adam. Found {type(spec).__name__}.")


def set_learning_rates(optimizer: torch.optim.Optimizer, spec: OptimizerSpec, step: int) -> None:
    """The rates of step `step`, counted from 0; a function of the step alone, so that nothing has to be stored."""
    if spec.halve_every is not None:
        factor = 0.5 ** (step // spec.halve_every)
        for group, rate in zip(optimizer.param_groups, (spec.lr, spec.strategy_lr or spec.lr), strict=False):
            group["lr"] = rate * factor


def optimizer_state(optimizer: torch.optim.Optimizer, networks: Networks, state: State) -> dict[str, dict[str, Tensor]]:
    """Slots of each parameter, each tensor leading with the `seed` axis; counters are repeated along it."""
    slots: dict[str, dict[str, Tensor]] = {}
    for name, parameter, leads in _named(networks, state):
        slots[name] = {}
        for key, value in optimizer.state.get(parameter, {}).items():
            if key in _COUNTERS:
                slots[name][key] = value.detach().reshape(1).expand(networks.n_seeds).clone()
            elif isinstance(value, Tensor):
                slots[name][key] = (value if leads else value.unsqueeze(0)).detach().clone()
    return slots


def restore_optimizer(
    optimizer: torch.optim.Optimizer, networks: Networks, state: State, slots: dict[str, dict[str, Tensor]]
) -> None:
    """Restore what `optimizer_state` returned."""
    for name, parameter, leads in _named(networks, state):
        restored: dict[str, Tensor] = {}
        for key, value in slots[name].items():
            if key in _COUNTERS:
                restored[key] = value[0].clone()
            else:
                restored[key] = torch.empty_like(parameter.detach()).copy_(value if leads else value[0])
        if restored:
            optimizer.state[parameter] = restored


def _named(networks: Networks, state: State) -> list[tuple[str, Tensor, bool]]:
    """Every trained tensor with its name and whether it leads with the `seed` axis."""
    network = [(f"network/{name}", p, networks.stacked) for name, p in networks.parameters.items()]
    return network + [(f"strategy/{name}", p, True) for name, p in state.params.items()]
