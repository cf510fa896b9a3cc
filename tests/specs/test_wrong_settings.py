"""Settings of a study that would mean something else, or leave its tables empty: refused before anything is trained."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from mtlray import (
    MLP,
    SGD,
    Adam,
    ArrayDataset,
    Cosine,
    Equal,
    MultiStep,
    OwnMetric,
    OwnOptimizer,
    Plateau,
    RMSprop,
    SpecError,
    SweepSpec,
    Task,
    TrialSpec,
    binary,
    classification,
    regression,
    squared_error,
)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: SGD(lr=0.1, strategy_lr="fast"), "strategy_lr` should be positive or None"),
        (lambda: SGD(lr=0.1, strategy_lr=True), "strategy_lr` should be positive or None"),
        (lambda: SGD(lr=0.1, momentum=0.9, nesterov="no"), "nesterov` should be True or False"),
        (lambda: SGD(lr=0.1, decay_vectors="no"), "decay_vectors` should be True or False"),
        (lambda: RMSprop(lr=0.1, centered="no"), "centered` should be True or False"),
        (lambda: SGD(lr=0.1, clip_norm=math.inf), "clip_norm` should be finite"),
        (lambda: Adam(lr=0.1, eps=math.inf), "eps` should be finite"),
        (lambda: Adam(lr=0.1, betas=0.9), "betas` should be two numbers"),
        (lambda: MultiStep(at=3), "at` should be numbers of steps"),
        (lambda: Plateau(threshold=math.inf), "threshold` should be at least 0, and finite"),
        (lambda: OwnOptimizer(torch.optim.SGD, lr=0.1, settings="momentum"), "settings` should map arguments"),
        (lambda: classification("kind", classes=2, class_weights=1.0), "class_weights` should be one number for each"),
        (lambda: classification("kind", classes=2, class_weights=(1, math.inf)), "be positive numbers"),
        (lambda: binary("kind", positive_weight=math.inf), "positive_weight` should be a positive number"),
        (lambda: binary("two\nlines"), "name` should be a word without `/`, in one line"),
        (lambda: Task(name="a/b", likelihood="none", output_shape=(1,), loss=squared_error, metrics=()), "be a word"),
        (lambda: regression("age", metrics=own(worst, "loss")), "and not `loss`"),
        (lambda: regression("age", metrics=own(several)), "The metric worst of task age .* return one number"),
    ],
)
def test_settings_that_would_mean_something_else_are_refused(make, match):
    with pytest.raises(SpecError, match=match):
        make()


def own(function, name="worst"):
    return OwnMetric(function, name=name, higher_is_better=False)


def worst(prediction, target):
    return (prediction - target).abs().max()


def several(prediction, target):
    return (prediction - target).abs()


def test_one_metric_may_stand_alone():
    assert [metric.name for metric in regression("age", metrics=own(worst)).metrics] == ["worst"]


def sums():
    return {"x": np.arange(60.0), "age": np.arange(60.0)}


def sweep(metrics=(), axes=None, **changes):
    data = ArrayDataset(name="sums", source=sums, tasks=(regression("age", metrics=metrics),))
    base = TrialSpec(dataset=data, model=MLP(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=9)
    base = dataclasses.replace(base, **changes)
    return SweepSpec(name="sums", question="?", base=base, strategies=(Equal(),), axes=axes or {})


def reporting_the_last(sweep):
    return dataclasses.replace(sweep, selection="last")


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda: sweep(own(worst)), "selects evaluations by `best_val`, .* Metric worst of task age has no scale"),
        (lambda: reporting_the_last(sweep(own(worst), patience=3)), "metric worst of task age has no scale"),
        (lambda: sweep(axes={"optimizer.schedule": (None, Cosine(warmup=9))}), "should be shorter than the trial"),
        (lambda: sweep(optimizer=SGD(lr=0.1, schedule=Cosine()), axes={"patience": (None, 3)}), "should have learning"),
        (lambda: sweep(axes={"lr": (0.1, 0.2)}), "There is no axis `lr`. Did you mean `optimizer.lr`"),
        (
            lambda: sweep(axes={"dataset.val": (0.1, 0.2)}),
            "named `sums`: one with `val = 0.1` and one with `val = 0.2`",
        ),
    ],
)
def test_what_no_table_could_show_is_refused_when_planned(made, match):
    with pytest.raises(SpecError, match=match):
        made().trials()
