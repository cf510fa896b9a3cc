"""Metrics of classes, of yes or no and of numbers: exact over a split, and scikit-learn's on the labels that are there."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from mtlray.errors import SpecError
from mtlray.identity.codec import encode
from mtlray.tasks.kinds import binary, classification, regression
from mtlray.tasks.metrics import Accuracy
from mtlray.tasks.metrics.classes import BalancedAccuracy, MacroF1
from mtlray.tasks.metrics.numbers import R2, MeanAbsoluteError, RootMeanSquaredError
from mtlray.tasks.metrics.own import OwnMetric
from mtlray.tasks.metrics.yes_or_no import ROCAUC, AveragePrecision, BinaryAccuracy, BinaryBalancedAccuracy, BinaryF1


def measured(metric, prediction, target, cuts=(3, 7)):
    """A metric over batches that end at `cuts`."""
    kept = metric.init(len(target), torch.device("cpu"))
    parts = zip(*(torch.tensor_split(x, cuts, dim=1) for x in (prediction, target)), strict=True)
    for p, t in parts:
        kept = metric.update(kept, p, t)
    return metric.compute(kept)


def close(ours, theirs):
    assert (math.isnan(ours) and math.isnan(theirs)) or ours == pytest.approx(theirs, rel=1e-12, abs=1e-10)


@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.3]))
@settings(deadline=None)
def test_classes(seed, missing):
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(2, 12, 3)), rng.integers(0, 3, (2, 12))
    there = rng.random((2, 12)) >= missing
    there[:, 0] = True
    prediction, target = torch.tensor(scores), torch.tensor(np.where(there, labels, -1))
    for row in range(2):
        true, given_ = labels[row][there[row]], scores[row].argmax(-1)[there[row]]
        close(float(measured(Accuracy(), prediction, target)[row]), 100 * sk.accuracy_score(true, given_))
        recalls = [(given_[true == c] == c).mean() for c in np.unique(true)]
        close(float(measured(BalancedAccuracy(3), prediction, target)[row]), 100 * np.mean(recalls))
        present = np.union1d(true, given_)
        f1 = sk.f1_score(true, given_, average="macro", labels=present, zero_division=0)
        close(float(measured(MacroF1(3), prediction, target)[row]), 100 * f1)


@given(seed=st.integers(0, 10_000), missing=st.sampled_from([0.0, 0.3]), ties=st.booleans())
@settings(deadline=None)
def test_yes_or_no(seed, missing, ties):
    rng = np.random.default_rng(seed)
    scores, labels = rng.normal(size=(2, 12)), rng.integers(0, 2, (2, 12))
    scores = np.round(scores) if ties else scores
    there = rng.random((2, 12)) >= missing
    there[:, :2], labels[:, :2] = True, [0, 1]
    prediction, target = torch.tensor(scores)[..., None], torch.tensor(np.where(there, labels, -1))
    for row in range(2):
        true, score = labels[row][there[row]], scores[row][there[row]]
        given_ = (score > 0).astype(int)
        expected = {
            BinaryAccuracy(): sk.accuracy_score(true, given_),
            BinaryBalancedAccuracy(): sk.balanced_accuracy_score(true, given_),
            BinaryF1(): sk.f1_score(true, given_),
            ROCAUC(): sk.roc_auc_score(true, score),
            AveragePrecision(): sk.average_precision_score(true, score),
        }
        for metric, value in expected.items():
            close(float(measured(metric, prediction, target)[row]), 100 * value)


def test_nothing_to_measure_is_nan():
    none, scores = torch.full((1, 4), -1), torch.zeros(1, 4, 1)
    for metric in (BinaryAccuracy(), BinaryBalancedAccuracy(), BinaryF1(), ROCAUC(), AveragePrecision()):
        assert math.isnan(measured(metric, scores, none)[0])
    all_no = torch.zeros(1, 4, dtype=torch.int64)
    assert math.isnan(measured(ROCAUC(), scores, all_no)[0])
    assert math.isnan(measured(AveragePrecision(), scores, all_no)[0])
    assert math.isnan(measured(ROCAUC(), scores * float("nan"), torch.tensor([[0, 1, 0, 1]]))[0]), "a broken network"
    for metric in (MeanAbsoluteError(), RootMeanSquaredError(), R2()):
        assert math.isnan(measured(metric, scores, torch.full((1, 4, 1), float("nan")))[0])


@given(seed=st.integers(0, 10_000), offset=st.sampled_from([0.0, 1e6]))
@settings(deadline=None)
def test_numbers(seed, offset):
    rng = np.random.default_rng(seed)
    true = offset + rng.normal(size=(2, 12, 2))
    predicted = true + rng.normal(size=true.shape)
    there = rng.random(true.shape) >= 0.2
    there[:, :2] = True
    mean, std = offset, 3.0
    prediction, target = torch.tensor((predicted - mean) / std), torch.tensor(np.where(there, true, np.nan))
    for row in range(2):
        t, p = true[row][there[row]], predicted[row][there[row]]
        expected = {
            MeanAbsoluteError: sk.mean_absolute_error(t, p),
            RootMeanSquaredError: sk.root_mean_squared_error(t, p),
            R2: sk.r2_score(t, p),
        }
        for cls, value in expected.items():
            ours = float(measured(cls(mean=mean, std=std), prediction, target)[row])
            assert ours == pytest.approx(value, rel=1e-7, abs=1e-7)


def test_metrics_that_count_the_same_things_count_them_once():
    for task in (classification("a", classes=3), binary("b"), regression("c")):
        assert len({metric.group for metric in task.metrics}) < len(task.metrics)


def mean_error(prediction, target):
    return (prediction - target).abs().mean()


@pytest.mark.parametrize("cuts", [(30,), (7, 16, 30)])
def test_a_function_is_a_metric_over_the_labelled_examples_of_a_split(cuts):
    rng = torch.Generator().manual_seed(0)
    prediction, target = torch.randn(2, 30, 1, generator=rng), torch.randn(2, 30, 1, generator=rng)
    target[torch.rand(2, 30, 1, generator=rng) < 0.3] = torch.nan
    own = OwnMetric(mean_error, name="own", higher_is_better=False).scaled(2.0, 3.0)
    found = []
    for metric in (own, MeanAbsoluteError().scaled(2.0, 3.0)):
        kept, start = metric.init(2, torch.device("cpu")), 0
        for end in cuts:
            kept = metric.update(kept, prediction[:, start:end], target[:, start:end])
            start = end
        found.append(metric.compute(kept))
    torch.testing.assert_close(found[0], found[1], rtol=1e-6, atol=1e-6)
    assert own.compute(own.init(2, torch.device("cpu"))).isnan().all()
    assert encode(own)["function"]["function"].startswith(f"{__name__}:mean_error")


def test_a_loss_of_ones_own_is_a_function():
    def absolute(prediction, target):
        return (prediction - target).abs().flatten(1).mean(dim=1)

    assert regression("a", loss=absolute).loss is absolute
    hinge = lambda prediction, target: (1 - prediction[..., 0] * (2 * target - 1)).clamp(min=0).mean(dim=1)  # noqa: E731
    assert binary("a", loss=hinge).loss is hinge


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: classification("a", classes=1), "classes` should be a number of classes, at least 2"),
        (lambda: classification("a", classes=3, class_weights=(1, 2)), "be one number for each of 3 classes"),
        (lambda: regression("a", outputs=0), "outputs` should be a number of outputs"),
        (lambda: binary(""), "name` should be a word"),
        (lambda: binary("a/b"), "name` should be a word"),
        (lambda: binary("a", metrics=("accuracy",)), "metrics` should be metrics, such as"),
        (lambda: binary("a", metrics=(ROCAUC(), ROCAUC())), "metrics` should have a name each"),
        (
            lambda: regression("a", loss=lambda p, t: (p - t).square().mean()),
            r"one number a seed, \[seed\]. Found \[\] for 2",
        ),
        (lambda: regression("a", loss=lambda p, t: (p - t).mean((1, 2)).detach()), "Found numbers without one"),
        (lambda: regression("a", loss=lambda p: p), "A try on 2 seeds of 3 examples ended with TypeError"),
        (lambda: OwnMetric(3, name="a", higher_is_better=True), "function` should be a function"),
        (lambda: OwnMetric(max, name="a/b", higher_is_better=True), "name` should be a word without"),
        (lambda: OwnMetric(max, name="a", higher_is_better=False, bound=1.0), "bound` should be None, or positive"),
    ],
)
@pytest.mark.usefixtures("unchecked")  # as for a user, whose arguments nobody checks for their type
def test_bad_tasks_are_refused(make, match):
    with pytest.raises(SpecError, match=match):
        make()
