"""Optimizers of a user's own class: one for each seed of a pack, so that each acts on its seed alone, whatever it computes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mtlray.specs.own_optimizer import OwnOptimizer, build_own, packed, unpacked


class OptimizersOfSeeds:
    """The optimizers of all seeds, stepped as one. Each has parameters of natural shape in the memory of the pack's."""

    def __init__(
        self,
        spec: OwnOptimizer,
        groups: Sequence[Mapping[str, Any]],
        network: Sequence[Tensor],
        n_seeds: int,
        *,
        stacked: bool,
    ) -> None:
        of_network = set(map(id, network))
        self._whole: list[Tensor] = [p for group in groups for p in group["params"]]
        self._leads = [stacked if id(p) in of_network else None for p in self._whole]
        self._own = [[self._view(p, leads, i) for p, leads in self._each()] for i in range(n_seeds)]
        place = {id(p): k for k, p in enumerate(self._whole)}
        self._optimizers = [
            build_own(spec, [{**g, "params": [own[place[id(p)]] for p in g["params"]]} for g in groups])
            for own in self._own
        ]

    def _each(self) -> Iterator[tuple[Tensor, bool | None]]:
        return zip(self._whole, self._leads, strict=True)

    def _view(self, tensor: Tensor, leads: bool | None, seed: int) -> Tensor:
        """A seed's part of a parameter or gradient: what a trial alone has. A strategy's own (None) keep their axis of one."""
        part = tensor.detach()
        if leads is not False:
            part = part[seed : seed + 1] if leads is None else part[seed]
        return part.requires_grad_()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Those of all seeds."""
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]

    def step(self) -> None:
        """One step of each."""
        for seed, (optimizer, own) in enumerate(zip(self._optimizers, self._own, strict=True)):
            for (parameter, leads), part in zip(self._each(), own, strict=True):
                part.grad = None if parameter.grad is None else self._view(parameter.grad, leads, seed).detach()
            optimizer.step()
            for part in own:
                part.grad = None

    def slots(self, parameter: Tensor) -> dict[str, Tensor]:
        """What the optimizers remember of a parameter, each tensor leading with the `seed` axis."""
        of_seeds = [packed(optimizer.state.get(own, {}), own) for optimizer, own in self._of(parameter)]
        return {name: torch.cat([slots[name] for slots in of_seeds]) for name in of_seeds[0]}

    def restore(self, parameter: Tensor, slots: Mapping[str, Tensor]) -> None:
        """Restore what `slots` returned."""
        for seed, (optimizer, own) in enumerate(self._of(parameter)):
            if slots:
                optimizer.state[own] = unpacked({name: value[seed : seed + 1] for name, value in slots.items()}, own)

    def averages(self, parameter: Tensor) -> list[tuple[slice, Tensor]]:
        """The tensors of a parameter's shape that are remembered of it, with the seeds that each is of."""
        return [
            (slice(seed, seed + 1), value)
            for seed, (optimizer, own) in enumerate(self._of(parameter))
            for value in optimizer.state.get(own, {}).values()
            if isinstance(value, Tensor) and value.shape == own.shape
        ]

    def _of(self, parameter: Tensor) -> list[tuple[torch.optim.Optimizer, Tensor]]:
        place = next(k for k, p in enumerate(self._whole) if p is parameter)
        return [(optimizer, own[place]) for optimizer, own in zip(self._optimizers, self._own, strict=True)]
