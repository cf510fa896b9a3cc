"""Optimizers from their specs, and their slots by parameter name with the `seed` axis in front."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mtlray.models import Networks
from mtlray.specs import SGD, Adagrad, Adam, AdamW, NAdam, OptimizerSpec, RMSprop
from mtlray.specs.own_optimizer import OwnOptimizer
from mtlray.strategies import State
from mtlray.training.own_optimizers import OptimizersOfSeeds

Optimizer = torch.optim.Optimizer | OptimizersOfSeeds

# The slots that count steps or go with them, one number for a parameter and the same for all seeds; all others have the
# parameter's shape. Shapes alone do not tell them apart where a parameter has one number a seed.
_COUNTERS = frozenset({"step", "mu_product"})
_CLASSES: dict[type[OptimizerSpec], type[torch.optim.Optimizer]] = {
    SGD: torch.optim.SGD,
    Adam: torch.optim.Adam,
    AdamW: torch.optim.AdamW,
    NAdam: torch.optim.NAdam,
    RMSprop: torch.optim.RMSprop,
    Adagrad: torch.optim.Adagrad,
}
_FUSED = frozenset({SGD, Adam, AdamW, Adagrad})


def build_optimizer(
    spec: OptimizerSpec, network: Sequence[Tensor], strategy: dict[str, Tensor], *, stacked: bool = False
) -> Optimizer:
    """Groups for the network's parameters, and one for the strategy's own, which are never decayed.

    Where `stacked`, the network's parameters lead with a `seed` axis.
    """
    groups: list[dict[str, Any]] = [{"params": list(network), "weight_decay": spec.weight_decay}]
    if not spec.decay_vectors:
        vectors = [p for p in network if p.ndim - stacked <= 1]
        taken = set(map(id, vectors))
        groups[0]["params"] = [p for p in network if id(p) not in taken]
        groups.append({"params": vectors, "weight_decay": 0.0})
    for group in groups:
        group["of_strategy"] = False
    if strategy:
        own = {"params": list(strategy.values()), "lr": spec.strategy_lr or spec.lr, "weight_decay": 0.0}
        groups.append({**own, "of_strategy": True})
    if isinstance(spec, OwnOptimizer):
        return OptimizersOfSeeds(spec, groups, network, len(network[0]) if stacked else 1, stacked=stacked)
    fused = {"fused": True} if type(spec) in _FUSED else {}
    build: Any = _CLASSES[type(spec)]
    optimizer: torch.optim.Optimizer = build(groups, lr=spec.lr, **spec.arguments, **fused)
    return optimizer


def set_learning_rates(optimizer: Optimizer, rates: tuple[float, float]) -> None:
    """The rates of the network's and the strategy's parameters for the next step."""
    for group in optimizer.param_groups:
        group["lr"] = rates[group["of_strategy"]]


def clip_gradients(parameters: Sequence[Tensor], norm: float, *, stacked: bool) -> None:
    """Shorten the gradient of each trial's network to a norm, as `torch.nn.utils.clip_grad_norm_` does."""
    if not stacked:
        torch.nn.utils.clip_grad_norm_(parameters, norm)
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    squares = [gradient.flatten(1).square().sum(dim=1) for gradient in gradients]
    factor = (norm / (torch.stack(squares).sum(dim=0).sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.ndim - 1)))


def averages(optimizer: Optimizer, parameter: Tensor) -> list[tuple[slice, Tensor]]:
    """The tensors of a parameter's shape that an optimizer remembers of it, with the seeds that each is of."""
    if isinstance(optimizer, OptimizersOfSeeds):
        return optimizer.averages(parameter)
    slots = [s for s in optimizer.state.get(parameter, {}).values() if isinstance(s, Tensor)]
    return [(slice(None), slot) for slot in slots if slot.shape == parameter.shape]


def optimizer_state(optimizer: Optimizer, networks: Networks, state: State) -> dict[str, dict[str, Tensor]]:
    """Slots of each parameter, each tensor leading with the `seed` axis; counters are repeated along it."""
    if isinstance(optimizer, OptimizersOfSeeds):
        return {name: optimizer.slots(parameter) for name, parameter, _ in _named(networks, state)}
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
    optimizer: Optimizer, networks: Networks, state: State, slots: dict[str, dict[str, Tensor]]
) -> None:
    """Restore what `optimizer_state` returned."""
    for name, parameter, leads in _named(networks, state):
        if isinstance(optimizer, OptimizersOfSeeds):
            optimizer.restore(parameter, slots[name])
            continue
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
