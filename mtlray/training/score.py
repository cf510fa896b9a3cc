"""A trial's score: one number for all its tasks, by which one evaluation of its network is picked.

The skill of a value v of a metric is (v - trivial) / (perfect - trivial): 0 for the best prediction that is the same for every
example, 1 for a perfect one, whatever the unit. The score is the mean over the trial's tasks of the skill of their main metrics.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mtlray.data import Examples
from mtlray.tasks.metrics import Metric
from mtlray.tasks.task import Task

_MOST_LABELS = 2**22  # labels that a trivial value is computed from; more change no digit that matters


class Score:
    """The scale on which a trial's evaluations are scored. It depends on the training labels alone, and not on the fraction.

    `trivial[task, metric]` is the metric's value for its best constant prediction, on the training labels; None where the
    metric names none. Computed from at most four million labels, those of examples at equal distances.
    """

    def __init__(self, tasks: Sequence[Task], train: Examples) -> None:
        self._tasks = tasks
        self.trivial: dict[tuple[str, str], float | None] = {
            (task.name, metric.name): _trivial(metric, target)
            for task in tasks
            for target in [_targets(train, task.name)]
            for metric in task.metrics
        }

    def of(self, row: Mapping[str, Any], split: str) -> float:
        """The score of one evaluation, a row of a curve, on a split; NaN where a task has no value or no scale.

        A task whose trivial prediction is perfect has no say.
        """
        skills = []
        for task in self._tasks:
            metric = task.metrics[0]
            trivial, perfect = self.trivial[task.name, metric.name], metric.perfect
            value = row.get(f"{split}/{task.name}/{metric.name}")
            if trivial is None or perfect is None or value is None or not math.isfinite(trivial):
                return math.nan
            if perfect != trivial:
                skills.append((value - trivial) / (perfect - trivial))
        return math.fsum(skills) / len(skills) if skills else math.nan


def _targets(train: Examples, task: str) -> Tensor:
    """A task's targets of training examples at equal distances, `[1, example, ...]`."""
    column = train.targets[task]
    size = max(1, column.values[0].numel())
    every = max(1, math.ceil(len(train) * size / _MOST_LABELS))
    indices = torch.arange(0, len(train), every, device=column.values.device)[None]
    return column.gather(train.located(indices), torch.float64)


@torch.no_grad()
def _trivial(metric: Metric, target: Tensor) -> float | None:
    prediction = metric.constant(target)
    if prediction is None:
        return None
    kept = metric.update(metric.init(1, target.device), prediction, target)
    return float(metric.compute(kept)[0])
