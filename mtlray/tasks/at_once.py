"""Tasks of equal kind computed as one: to a loss or a metric they are further seeds, each of which has a value of its own."""

from collections.abc import Hashable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mtlray.axes import Losses
from mtlray.errors import SpecError
from mtlray.tasks.masked_losses import BinaryCrossEntropy, ClassCrossEntropy, StandardError
from mtlray.tasks.task import Task

Group = tuple[int, ...]
"""Some tasks by their places in a sequence, in order."""

# A loss of a user's own may be a mean over all that it is given, which only a pack would show.
_BY_SEED = (BinaryCrossEntropy, ClassCrossEntropy, StandardError)


def alike(kinds: Sequence[Hashable]) -> list[Group]:
    """The places of equal kinds together, in the order in which each kind comes first."""
    places: dict[Hashable, list[int]] = {}
    for place, kind in enumerate(kinds):
        places.setdefault(kind, []).append(place)
    return [tuple(group) for group in places.values()]


def with_equal_losses(tasks: Sequence[Task]) -> list[Group]:
    """The tasks whose losses can be computed as one; each of the others by itself."""
    return alike([(t.loss, t.output_shape) if type(t.loss) in _BY_SEED else (i,) for i, t in enumerate(tasks)])


def joint_losses(
    tasks: Sequence[Task],
    groups: Sequence[Group],
    predictions: Sequence[Float[Tensor, "_ seed batch ..."]],
    targets: Sequence[Tensor],
) -> Losses:
    """The tasks' losses from the predictions of each group, `[task, seed, batch, ...]`, and the targets of each task."""
    rows = []
    for group, prediction in zip(groups, predictions, strict=True):
        target = torch.cat([targets[place] for place in group])
        rows.append(tasks[group[0]].loss(prediction.flatten(0, 1), target).view(len(group), -1))
    if len(rows) == 1:
        return rows[0].T
    order = [place for group in groups for place in group]
    back = sorted(range(len(order)), key=order.__getitem__)
    return torch.cat(rows)[back].T


def bounded_metrics(tasks: Sequence[Task], predictions: Sequence[Tensor], targets: Sequence[Tensor]) -> Losses:
    """The share of its bound that each task's bounded metric reaches. Raises SpecError where a task has none."""
    columns = []
    for task, prediction, target in zip(tasks, predictions, targets, strict=True):
        metric = task.bounded_metric
        if metric is None:
            raise SpecError(f"Task {task.name} has no metric with a bound, such as accuracy.")
        columns.append(metric.success(prediction.detach(), target))
    return torch.stack(columns, dim=1)
