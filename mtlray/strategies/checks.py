"""Checks of hyperparameters that several strategies share."""

from collections.abc import Sequence

from mtlray.checks import require
from mtlray.tasks.task import Task


def require_one_for_each(name: str, found: Sequence[float] | None, tasks: Sequence[Task]) -> None:
    """Raise SpecError unless the tuple is None or holds one number for each task."""
    if found is not None and len(found) != len(tasks):
        names = ", ".join(task.name for task in tasks)
        require(False, name, f"have one number for each of the {len(tasks)} tasks ({names})", found)
