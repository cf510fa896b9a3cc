"""Checks of hyperparameters, with the form that all their errors share."""

from collections.abc import Sequence

from mtlray.errors import SpecError
from mtlray.tasks import Task


def require(holds: bool, name: str, rule: str, found: object) -> None:
    """Raise SpecError unless the hyperparameter keeps its rule."""
    if not holds:
        raise SpecError(f"Parameter `{name}` should {rule}. Found `{name} = {found}`.")


def require_one_for_each(name: str, found: Sequence[float] | None, tasks: Sequence[Task]) -> None:
    """Raise SpecError unless the tuple is None or holds one number for each task."""
    if found is not None and len(found) != len(tasks):
        names = ", ".join(task.name for task in tasks)
        require(False, name, f"have one number for each of the {len(tasks)} tasks ({names})", found)
