"""Heads of one linear layer each, computed as one: what many tasks cost beside a small trunk is mostly torch's own overhead.

A single network's numbers are those of its heads one by one, to the bit: the products are the same calls, which one function of
the graph makes, and what is computed of all heads together has no other order of summation. Packs have one product for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mtlray.models.base import Heads, SharedTrunk
from mtlray.tasks.at_once import Group, with_equal_losses
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import JointHeads

_LANES = 16  # more numbers than a vector of the processor holds are a multiple of this


@dataclass(frozen=True, slots=True)
class Predicted:
    """The predictions of some tasks, `[task, seed, batch, ...]` for each group of those whose losses can be computed as one."""

    groups: Sequence[Group]
    of_groups: Sequence[Tensor]
    heads: JointHeads

    @property
    def of_tasks(self) -> list[Float[Tensor, "seed batch ..."]]:
        """Those of each task."""
        found = {
            place: one
            for group, together in zip(self.groups, self.of_groups, strict=True)
            for place, one in zip(group, together.unbind(0), strict=True)
        }
        return [found[place] for place in sorted(found)]


class LinearHeads:
    """The linear heads of a network, or of a pack where `stacked`: `heads` are weight and bias of each task's."""

    def __init__(self, heads: Sequence[Sequence[Tensor]], tasks: Sequence[Task], *, stacked: bool) -> None:
        self._heads, self._tasks, self._stacked = heads, tasks, stacked
        self._groups: dict[tuple[int, ...], list[Group]] = {}

    def __call__(self, representation: Tensor, tasks: Sequence[int]) -> Predicted:
        """The predictions of some tasks, by number, from the representation, `[batch, width]`, or `[seed, batch, width]`."""
        chosen = tuple(tasks)
        if chosen not in self._groups:
            self._groups[chosen] = with_equal_losses([self._tasks[t] for t in chosen])
        groups, heads = self._groups[chosen], [self._heads[t] for t in chosen]
        return (_of_pack if self._stacked else _of_one)(representation, groups, heads)


def linear_heads(
    network: SharedTrunk, heads: Sequence[Sequence[Tensor]], tasks: Sequence[Task], *, stacked: bool
) -> LinearHeads | None:
    """The heads of a network as one, whose parameters are `heads`.

    None where one of them is more than a linear layer, and where no two tasks have equal losses: there is little to gain then,
    and a pack's numbers would round otherwise for it.
    """
    if len(with_equal_losses(tasks)) == len(tasks):
        return None
    modules = list(network.heads.values())
    parameters = [p for p in network.heads.parameters() if p.requires_grad]
    own = len({id(p) for p in parameters} - {id(p) for p in network.trunk.parameters()})
    if type(network.heads) is not Heads or own != 2 * len(modules) or len(modules) < 2:
        return None
    if not all(_is_plain(module, task) for module, task in zip(modules, tasks, strict=True)):
        return None
    return LinearHeads(heads, tasks, stacked=stacked)


def _is_plain(module: nn.Module, task: Task) -> bool:
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    if type(module) is not nn.Linear or module.bias is None or any(getattr(module, name) for name in hooks):
        return False
    return task.output_shape == (module.out_features,)


class _OneByOne(torch.autograd.Function):
    """The predictions of each group, `[task, batch, output]`, from a representation `[batch, width]`."""

    @staticmethod
    def forward(ctx: Any, representation: Tensor, groups: Sequence[Group], *parameters: Tensor) -> tuple[Tensor, ...]:
        ctx.groups = groups
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(representation, *parameters)
        made = []
        for group in groups:
            n, width = len(representation), len(parameters[2 * group[0]])
            # The tasks do not follow each other without a gap: so torch's functions of single numbers go from row to row, and
            # the numbers that are left over after whole vectors are those of each task's own batch, as for a task by itself.
            rows = (n // _LANES + 1) * _LANES
            out = representation.new_empty_strided((len(group), n, width), (rows * width, width, 1))
            for place, own in zip(group, out.unbind(0), strict=True):
                weight, bias = parameters[2 * place : 2 * place + 2]
                torch.addmm(bias, representation, weight.t(), out=own)
            made.append(out)
        return tuple(made)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        representation, *parameters = ctx.saved_tensors
        rows, of_heads = _back(representation, ctx.groups, parameters, gradients)
        known = [row for row in reversed(rows) if row is not None]  # torch's own order: the last one first
        total = known[0]
        for count, row in enumerate(known[1:]):
            total = total.add_(row) if count else total + row
        return total, None, *(gradient for of_head in of_heads for gradient in of_head)


def _back(
    representation: Tensor, groups: Sequence[Group], parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]
) -> tuple[list[Tensor | None], list[list[Tensor | None]]]:
    """For each task the gradient of its loss at the representation, and at weight and bias of its head.

    None for tasks of a group without a gradient.
    """
    n_tasks = len(parameters) // 2
    rows: list[Tensor | None] = [None] * n_tasks
    of_heads: list[list[Tensor | None]] = [[None, None] for _ in range(n_tasks)]
    for group, together in zip(groups, gradients, strict=True):
        if together is None:
            continue
        together = together.contiguous()
        weights = [parameters[2 * place] for place in group]
        each, biases = together.unbind(0), together.sum(dim=1).unbind(0)
        if together.shape[2] == 1:  # products of two numbers, in which there is nothing to sum
            found: Sequence[Tensor] = (together * torch.stack(weights)).unbind(0)
        else:
            found = [one.mm(weight) for one, weight in zip(each, weights, strict=True)]
        for place, one, row, bias in zip(group, each, found, biases, strict=True):
            rows[place], of_heads[place] = row, [one.t().mm(representation), bias]
    return rows, of_heads


def _of_one(representation: Tensor, groups: list[Group], heads: Sequence[Sequence[Tensor]]) -> Predicted:
    parameters = [parameter for head in heads for parameter in head]
    made = _OneByOne.apply(representation, groups, *parameters)

    def back(gradients: Sequence[Tensor]) -> tuple[Tensor, list[list[Tensor]]]:
        with torch.no_grad():
            rows, of_heads = _back(representation, groups, parameters, gradients)
        return torch.stack(rows), of_heads  # type: ignore[arg-type,return-value]  # all groups have a gradient

    return Predicted(groups, [one.unsqueeze(1) for one in made], JointHeads(made, back))


def _of_pack(representation: Tensor, groups: list[Group], heads: Sequence[Sequence[Tensor]]) -> Predicted:
    order = [place for group in groups for place in group]
    weights, biases = (torch.cat([heads[place][i] for place in order], dim=1) for i in (0, 1))
    made = torch.baddbmm(biases.unsqueeze(1), representation, weights.mT)  # [seed, batch, outputs of all heads]
    of_groups = [len(group) * heads[group[0]][1].shape[1] for group in groups]

    def by_task(together: Tensor, group: Group) -> Tensor:
        return together.view(*together.shape[:2], len(group), -1).permute(2, 0, 1, 3)

    def back(gradients: Sequence[Tensor]) -> tuple[Tensor, list[list[Tensor]]]:
        (gradient,) = gradients
        with torch.no_grad():
            at_groups, of_heads = (torch.split(t, of_groups, dim=d) for t, d in ((gradient, 2), (weights, 1)))
            rows = [
                by_task(g, group) @ w.view(len(w), len(group), -1, w.shape[2]).transpose(0, 1)
                for group, g, w in zip(groups, at_groups, of_heads, strict=True)
            ]
            widths = [heads[place][1].shape[1] for place in order]
            at_weights = torch.split(gradient.mT @ representation, widths, dim=1)
            at_biases = torch.split(gradient.sum(dim=1), widths, dim=1)
        places = sorted(range(len(order)), key=order.__getitem__)
        return torch.cat(rows)[places], [[at_weights[i], at_biases[i]] for i in places]

    parts = torch.split(made, of_groups, dim=2)
    together = [by_task(one, group) for group, one in zip(groups, parts, strict=True)]
    return Predicted(groups, together, JointHeads([made], back))
