"""Task: one thing to predict, and everything the rest of the system needs to know about it."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from mtlray.checks import require
from mtlray.errors import unknown_name
from mtlray.tasks.metrics import Metric

Likelihood = Literal["categorical", "gaussian", "laplace", "none"]

_NAMED = 4  # tasks that a label names; more are too long for the name of a folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One thing to predict.

    `likelihood` decides the factor that uncertainty weighting uses (Kendall et al. 2018). `output_shape` is the shape of one
    prediction, so that a model can build the head. `loss` maps `(prediction, target)`, both leading with `[seed, batch]`, to
    one value a seed. The first of `metrics` is the task's main one.

    >>> from mtlray import Accuracy, Task, cross_entropy
    >>> task = Task(
    ...     name="digit", likelihood="categorical", output_shape=(10,), loss=cross_entropy, metrics=(Accuracy(),)
    ... )
    >>> type(task.bounded_metric).__name__
    'Accuracy'
    """

    name: str
    likelihood: Likelihood
    output_shape: tuple[int, ...]
    loss: Callable[[Tensor, Tensor], Tensor]
    metrics: tuple[Metric, ...]

    def __post_init__(self) -> None:
        require(is_label(self.name), "name", "be a word without `/`, in one line", repr(self.name))
        fits = isinstance(self.metrics, tuple) and all(isinstance(metric, Metric) for metric in self.metrics)
        require(fits, "metrics", "be metrics, such as (Accuracy(),)", self.metrics)
        names = [metric.name for metric in self.metrics]
        require(len(set(names)) == len(names), "metrics", "have a name each", names)
        for name in names:
            fits = is_label(name) and name != "loss"  # the column of the loss lies beside those of the metrics
            require(fits, "name", "be a word without `/`, in one line, and not `loss`", repr(name))

    @property
    def lacks_scale(self) -> bool:
        """Whether its first metric has no scale, so that a trial has no joint validation score."""
        return bool(self.metrics) and not self.metrics[0].has_scale

    @property
    def component_versions(self) -> dict[str, int]:
        """The versions of the loss and the metrics. A loss carries its own as an attribute `component_version`; none means 1."""
        loss = {"loss": int(getattr(self.loss, "component_version", 1))}
        return loss | {metric.name: metric.component_version for metric in self.metrics}

    @property
    def bounded_metric(self) -> Metric | None:
        """The first of `metrics` that has a bound, such as accuracy; None where there is none."""
        return next((metric for metric in self.metrics if metric.bound is not None), None)


def is_label(name: object) -> bool:
    """Whether a name can be part of a column's name, such as `test/{task}/{metric}`."""
    return isinstance(name, str) and name.strip() != "" and "/" not in name and name.isprintable()


def checked_names(given: object, known: Sequence[str], what: str) -> tuple[str, ...]:
    """The names of tasks that a data set's `task_names` chooses from `known`; one name may stand alone.

    Raises SpecError for an unknown name, which it calls `what`, for a repeated one and for none.
    """
    require(isinstance(given, Iterable), "task_names", "be a tuple of names", given)
    names = (given,) if isinstance(given, str) else tuple(given)  # type: ignore[arg-type]
    for name in names:
        if name not in known:
            raise unknown_name(what, name, known)
    require(len(set(names)) == len(names) > 0, "task_names", "name each task once", names)
    return names


def names_in_label(chosen: Sequence[str], known: Sequence[str]) -> list[str]:
    """What the label of a data set says of tasks that were `chosen` from `known`: their names, or how many, with a digest."""
    if len(chosen) <= _NAMED:
        return list(chosen)
    return [f"{len(chosen)}of{len(known)}", hashlib.sha256(" ".join(chosen).encode()).hexdigest()[:6]]
