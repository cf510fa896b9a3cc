"""One instance of each strategy there is, for sweeps and tests that no new strategy should be missing from."""

from collections.abc import Sequence

from mtlray.errors import SpecError
from mtlray.strategies import STRATEGIES, AbstractStrategy, Constant, SingleTask, simplex_grid
from mtlray.tasks.task import Task


def every_strategy(tasks: Sequence[Task], *, points: int = 4) -> tuple[AbstractStrategy, ...]:
    """Every strategy of STRATEGIES that can train these tasks, with its default hyperparameters.

    `stl` is there once for each task, and `constant` as a `simplex_grid` of `points` values a weight (for one task, not at
    all). A strategy whose `check` refuses the tasks is left out.
    """
    found: list[AbstractStrategy] = []
    for cls in STRATEGIES:
        if cls is SingleTask:
            found += [SingleTask(task=task.name) for task in tasks]
        elif cls is Constant:
            found += simplex_grid(len(tasks), points) if len(tasks) > 1 else ()
        else:
            found.append(cls())
    return tuple(strategy for strategy in found if _trains(strategy, tasks))


def _trains(strategy: AbstractStrategy, tasks: Sequence[Task]) -> bool:
    try:
        strategy.check(tasks)
    except SpecError:
        return False
    return True
