"""The way of a strategy from each starting point, in steps of Adam."""

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mtlray.checks import integer, is_number, require
from mtlray.errors import SpecError, unknown_name
from mtlray.strategies import STRATEGIES
from mtlray.strategies.base import AbstractStrategy, State
from mtlray.tasks.task_losses import TaskLosses
from mtlray.toy.problem import STARTS, TASKS, front, losses

STEPS_PER_EPOCH = 100
"""After how many steps a strategy that counts in epochs is told that one has ended; the problem has none."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Where a strategy was after each step, from each of the starting points; not finite after a step that failed."""

    strategy: str
    points: Float[Tensor, "step start 2"]
    losses: Float[Tensor, "step start 2"]
    distance: Float[Tensor, "start"]
    """How far the last point is from the front, in units of both losses at scale 1; nan where it is not finite."""


def strategies_of(text: str) -> list[AbstractStrategy]:
    """Strategies with their default hyperparameters by their keys, with commas between them; `on_solver_error` is "fallback".

    Raises SpecError for an unknown key, and for a strategy that needs more than two losses and their gradients.
    """
    classes = {cls.key: cls for cls in STRATEGIES}
    chosen = []
    for key in dict.fromkeys(part.strip() for part in text.split(",")):
        if key not in classes:
            raise unknown_name("strategy", key, classes)
        # A start that has reached the front must not end the ways from the others.
        settings = {f.name: "fallback" for f in dataclasses.fields(classes[key]) if f.name == "on_solver_error"}
        try:
            strategy = classes[key](**settings)
        except TypeError:
            raise SpecError(
                f"`mtlray toy` takes strategies that need no setting. Found `{key}`, which needs some. Leave it out."
            ) from None
        strategy.check(TASKS)
        chosen.append(strategy)
    return chosen


def trajectory(strategy: AbstractStrategy, *, steps: int = 3500, lr: float = 0.01, scale: float = 0.1) -> Trajectory:
    """Take `steps` steps of Adam from each of `STARTS`, which a strategy sees as the seeds of a pack. Raises SpecError.

    A start at which a strategy's solver fails, as on the front, stays there. What a strategy trains is in the same optimizer.
    Nash-MTL's figure has 35,000 steps of 0.001; steps of 0.05 leap out of the valleys that hold some strategies.
    """
    steps = integer("steps", steps, "be a number of steps, at least 1")
    require(steps >= 1, "steps", "be a number of steps, at least 1", steps)
    for name, value in (("lr", lr), ("scale", scale)):
        require(is_number(value) and value > 0, name, "be a positive number", value)
    points = torch.tensor(STARTS, dtype=torch.float64, requires_grad=True)
    state = _in_double(strategy.allocate(strategy.init(TASKS, torch.arange(len(STARTS))), 2))
    optimizer = torch.optim.Adam([points, *state.params.values()], lr=lr)
    passed, values = [points.detach().clone()], [losses(points.detach(), scale)]
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        batches = [_batch(points, scale) for _ in range(strategy.batches_per_step)]
        _, state = strategy.backward(batches, state)
        optimizer.step()
        if (failed := strategy.solver_fallbacks(state)) is not None:
            with torch.no_grad():
                points[failed > 0] = passed[-1][failed > 0]
        state = strategy.end_step(batches, state)
        passed.append(points.detach().clone())
        values.append(losses(points.detach(), scale))
        if step % STEPS_PER_EPOCH == 0:
            state = strategy.end_epoch(torch.stack(values[-STEPS_PER_EPOCH - 1 : -1]).mean(dim=0), state)
    return Trajectory(strategy.key, torch.stack(passed), torch.stack(values), distance(points.detach()))


def distance(points: Float[Tensor, "start 2"]) -> Float[Tensor, "start"]:
    """How far points are from the front, in the plane of the two losses at scale 1; nan where they are not finite."""
    apart = torch.cdist(losses(points, 1.0), losses(front(), 1.0))
    return torch.where(points.isfinite().all(dim=1), apart.amin(dim=1), torch.nan)


def _in_double(state: State) -> State:
    """A state in the precision of the points; what it trains is a leaf."""
    return State(
        {name: value.detach().double().requires_grad_() for name, value in state.params.items()},
        {name: value.double() if value.is_floating_point() else value for name, value in state.buffers.items()},
    )


def _batch(points: Tensor, scale: float) -> TaskLosses:
    representation = points * 1.0
    return TaskLosses(
        losses(representation, scale), [points], [[], []], True, lambda: losses(points, scale), representation
    )
