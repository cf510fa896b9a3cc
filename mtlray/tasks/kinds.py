"""Tasks in one line: a class, a yes or no, a number, each with fitting loss and metrics, and labels that may be missing."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from mtlray.checks import integer, require
from mtlray.errors import SpecError
from mtlray.tasks.masked_losses import BinaryCrossEntropy, ClassCrossEntropy, StandardError
from mtlray.tasks.metrics import Accuracy, Metric
from mtlray.tasks.metrics.classes import BalancedAccuracy, MacroF1
from mtlray.tasks.metrics.numbers import R2, MeanAbsoluteError, RootMeanSquaredError
from mtlray.tasks.metrics.own import OwnMetric
from mtlray.tasks.metrics.yes_or_no import ROCAUC, AveragePrecision, BinaryAccuracy, BinaryBalancedAccuracy, BinaryF1
from mtlray.tasks.task import Likelihood, Task

Loss = Callable[..., Any]


def classification(
    name: str,
    *,
    classes: int,
    class_weights: Sequence[float] = (),
    loss: Loss | None = None,
    metrics: Sequence[Metric] | Metric = (),
) -> Task:
    """One of `classes`, numbered from 0; a negative number is no label.

    Trained by cross entropy, where `class_weights` weigh the classes, or by a `loss` of your own; measured by accuracy, balanced
    accuracy and macro F1, or by `metrics` of your own, the first of which is the main one. Raises SpecError.

    >>> from mtlray import classification
    >>> task = classification("digit", classes=10)
    >>> task.output_shape, [metric.name for metric in task.metrics]
    ((10,), ['accuracy', 'balanced_accuracy', 'macro_f1'])
    """
    n = integer("classes", classes, "be a number of classes, at least 2")
    require(n >= 2, "classes", "be a number of classes, at least 2", n)
    rule = f"be one number for each of {n} classes"
    require(hasattr(class_weights, "__len__"), "class_weights", rule, class_weights)
    weights = tuple(class_weights)
    require(len(weights) in (0, n), "class_weights", rule, weights)
    chosen = loss or ClassCrossEntropy(class_weights=weights)
    return _task(name, "categorical", (n,), chosen, metrics or (Accuracy(), BalancedAccuracy(n), MacroF1(n)))


def binary(
    name: str, *, positive_weight: float = 1.0, loss: Loss | None = None, metrics: Sequence[Metric] | Metric = ()
) -> Task:
    """A yes (1) or no (0), predicted as one logit; a negative number is no label.

    Trained by cross entropy, where `positive_weight` multiplies the loss of each yes; measured by accuracy, balanced accuracy,
    F1, area under the ROC curve and average precision. `loss` and `metrics` as in `classification`. Raises SpecError.

    >>> from mtlray import binary
    >>> [metric.name for metric in binary("smiling").metrics]
    ['accuracy', 'balanced_accuracy', 'f1', 'roc_auc', 'average_precision']
    """
    ours = (BinaryAccuracy(), BinaryBalancedAccuracy(), BinaryF1(), ROCAUC(), AveragePrecision())
    return _task(
        name, "categorical", (1,), loss or BinaryCrossEntropy(positive_weight=positive_weight), metrics or ours
    )


def regression(
    name: str, *, outputs: int = 1, unit: str = "1", loss: Loss | None = None, metrics: Sequence[Metric] | Metric = ()
) -> Task:
    """A number, or `outputs` of them, in a `unit`; NaN is no label.

    Trained by the squared error; measured by mean absolute error, root mean squared error and R². An `ArrayDataset` makes the
    network predict in standard deviations of the training labels; the errors stay in `unit`. `loss` and `metrics` as in
    `classification`. Raises SpecError.

    >>> from mtlray import regression
    >>> [(metric.name, metric.unit) for metric in regression("age", unit="years").metrics]
    [('mae', 'years'), ('rmse', 'years'), ('r2', '1')]
    """
    n = integer("outputs", outputs, "be a number of outputs, at least 1")
    require(n >= 1, "outputs", "be a number of outputs, at least 1", n)
    ours = (MeanAbsoluteError(unit=unit), RootMeanSquaredError(unit=unit), R2())
    return _task(name, "gaussian", (n,), loss or StandardError(), metrics or ours)


def _try(name: str, likelihood: Likelihood, shape: tuple[int, ...], loss: Loss) -> None:
    """Raise SpecError unless a loss of a user's own gives one number for each seed of a small batch."""
    rule = (
        f"The loss of task {name} should take predictions {['seed', 'batch', *shape]} and targets that lead with [seed, batch], "
        "and return one number a seed, [seed]"
    )
    prediction = torch.linspace(-1, 1, 6 * math.prod(shape)).reshape(2, 3, *shape).requires_grad_()
    target = torch.zeros(2, 3, dtype=torch.int64) if likelihood == "categorical" else torch.zeros(2, 3, *shape)
    try:
        found = loss(prediction, target)
    except Exception as error:
        raise SpecError(
            f"{rule}. A try on 2 seeds of 3 examples ended with {type(error).__name__}: {error}."
        ) from error
    if not isinstance(found, torch.Tensor) or found.shape != (2,):
        shown = list(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
        raise SpecError(f"{rule}. Found {shown} for 2 seeds of 3 examples. Take the mean over all axes but the first.")
    if not found.requires_grad:
        raise SpecError(
            f"{rule}, of which torch knows the gradient. Found numbers without one. Leave out `detach` and `item`."
        )


def _task(
    name: str, likelihood: Likelihood, shape: tuple[int, ...], loss: Loss, metrics: Sequence[Metric] | Metric
) -> Task:
    require(callable(loss), "loss", "be a function of prediction and target", loss)
    metrics = (metrics,) if isinstance(metrics, Metric) else tuple(metrics)
    if not isinstance(loss, (ClassCrossEntropy, BinaryCrossEntropy, StandardError)):
        _try(name, likelihood, shape, loss)
    task = Task(name=name, likelihood=likelihood, output_shape=shape, loss=loss, metrics=metrics)
    for metric in metrics:
        if isinstance(metric, OwnMetric):
            _try_metric(task, metric)
    return task


def _try_metric(task: Task, metric: OwnMetric) -> None:
    """Raise SpecError unless a metric of a user's own gives a number for a small split in which each class occurs."""
    n, classes = 24, max(2, task.output_shape[0])
    prediction = torch.linspace(-1, 1, n * math.prod(task.output_shape)).reshape(1, n, *task.output_shape)
    target = (torch.arange(n) % classes)[None] if task.likelihood == "categorical" else prediction.flip(1) + 0.1
    try:
        metric.compute(metric.update(metric.init(1, prediction.device), prediction, target))
    except Exception as error:
        raise SpecError(
            f"The metric {metric.name} of task {task.name} should take predictions {['example', *task.output_shape]} and "
            f"targets, and return one number. A try on {n} examples ended with {type(error).__name__}: {error}. Change it."
        ) from error
