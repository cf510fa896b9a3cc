"""mtlray.training.score: the scale of each metric comes from the training labels, and a score is a mean of skills."""

import math
from dataclasses import dataclass

import pytest
import torch

from mtlray.data import Column, Examples
from mtlray.tasks import metrics
from mtlray.tasks.losses import cross_entropy
from mtlray.tasks.metrics import Accuracy, MeanAgeError, MeanSquaredError, Metric
from mtlray.tasks.task import Task
from mtlray.training.score import Score


def task(name, *of):
    return Task(name=name, likelihood="none", output_shape=(4,), loss=cross_entropy, metrics=of)


def examples(rows=None, **columns):
    first = next(iter(columns.values())).values
    return Examples(Column(torch.zeros(len(first), 1), "number"), columns, rows)


def trivial(metric, values, kind):
    return Score([task("t", metric)], examples(t=Column(torch.as_tensor(values), kind))).trivial["t", metric.name]


def test_the_trivial_values_by_hand():
    assert trivial(Accuracy(), [0, 3, 3, 1], "label") == 50
    assert trivial(MeanSquaredError(), [0.0, 4.0], "number") == 4
    assert trivial(MeanAgeError(), [10, 20, 60], "label") == pytest.approx(50 / 3)
    assert trivial(metrics.MedianAgeError(), [10, 20, 60], "label") == 10
    labels = torch.tensor([[[0, 0], [1, -1]], [[0, 1], [2, 2]]])  # 3 of class 0, 2 of 1, 2 of 2, one without
    assert trivial(metrics.PixelAccuracy(n_classes=4), labels, "label") == pytest.approx(100 * 3 / 7)
    assert trivial(metrics.MeanIoU(n_classes=4), labels, "label") == pytest.approx(100 * (3 / 7) / 3)
    depths = torch.tensor([[[[1.0, 2.0], [0.0, 4.0]]]])  # one without a depth
    assert trivial(metrics.DepthError(), depths, "number") == 1
    assert trivial(metrics.RelativeDepthError(), depths, "number") == pytest.approx((0 + 1 / 2 + 3 / 4) / 3)
    up_and_right = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]).view(1, 3, 1, 2)
    assert trivial(metrics.AngleMean(), up_and_right, "direction") == pytest.approx(45)
    assert trivial(metrics.Within30(), up_and_right, "direction") == 0


@pytest.mark.parametrize("name", [name for name in metrics.__all__ if name not in ("Metric", "TotalsMetric")])
def test_every_shipped_metric_has_a_constant_prediction_that_none_of_many_beats(name):
    cls, generator = getattr(metrics, name), torch.Generator().manual_seed(0)
    metric = cls(n_classes=3) if "n_classes" in cls.__dataclass_fields__ else cls()
    if hasattr(metric, "n_classes"):
        kind, target = "label", torch.randint(-1, 3, (6, 4, 4), generator=generator)
        constants = [torch.eye(3)[c].view(1, 1, 3, 1, 1).expand(1, 6, 3, 4, 4) for c in range(3)]
    elif "Depth" in name:
        kind, target = "number", torch.rand(6, 1, 4, 4, generator=generator) + 0.5
        constants = [torch.full((1, 6, 1, 4, 4), c / 50) for c in range(25, 75)]
    elif name.startswith(("Angle", "Within")):
        mean = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1)
        kind, target = "direction", mean + 0.3 * torch.randn(6, 3, 4, 4, generator=generator)
        constants = [torch.randn(3, generator=generator).view(1, 1, 3, 1, 1).expand(1, 6, 3, 4, 4) for _ in range(20)]
    elif "Age" in name:
        kind, target = "label", torch.randint(1, 90, (40,), generator=generator)
        constants = [torch.full((1, 40, 1), float(c)) for c in range(1, 90)]
    elif name == "Accuracy":
        kind, target = "label", torch.randint(0, 3, (40,), generator=generator)
        constants = [torch.eye(3)[c].expand(1, 40, 3) for c in range(3)]
    else:
        kind, target = "number", torch.rand(6, 2, 2, generator=generator)
        constants = [torch.full((1, 6, 2, 2), c / 20) for c in range(20)]
    column = Column(target, kind)
    ours = trivial(metric, target, kind)
    sign = 1 if metric.higher_is_better else -1
    stored = column.gather(torch.arange(len(target))[None], torch.float64)
    values = [
        float(metric.compute(metric.update(metric.init(1, torch.device("cpu")), c, stored))[0]) for c in constants
    ]
    # A mean over batches, and a median or a share of angles, may have a slightly better constant than the one of the mean.
    slack = 0.0 if name in ("Accuracy", "PixelAccuracy", "MeanSquaredError", "MeanAgeError", "DepthError") else 8.0
    assert (
        sign * ours
        >= max(sign * v for v in values) - slack * (metric.unit in ("%", "deg", "years")) - 0.05 * bool(slack) - 1e-9
    )


def test_a_score_is_the_mean_of_the_main_metrics_skills():
    train = examples(
        digit=Column(torch.tensor([0, 1, 1, 2]), "label"), image=Column(torch.tensor([0.0, 0.0, 4.0, 4.0]), "number")
    )
    score = Score([task("digit", Accuracy()), task("image", MeanSquaredError(), MeanAgeError())], train)
    assert score.of({"val/digit/accuracy": 75.0, "val/image/mse": 1.0}, "val") == (0.5 + 0.75) / 2
    assert score.of({"val/digit/accuracy": 50.0, "val/image/mse": 4.0}, "val") == 0, "the trivial predictors"
    assert score.of({"val/digit/accuracy": 100.0, "val/image/mse": 0.0}, "val") == 1
    assert score.of({"val/digit/accuracy": 50.0, "val/image/mse": 8.0}, "val") == -0.5, "worse than trivial"
    assert math.isnan(score.of({"val/digit/accuracy": 75.0}, "val"))
    assert math.isnan(score.of({"val/digit/accuracy": math.nan, "val/image/mse": 1.0}, "val"))


def test_a_score_does_not_depend_on_units():
    values = torch.tensor([1.0, 2.0, 4.0, 9.0])
    of = {
        scale: Score([task("t", MeanSquaredError())], examples(t=Column(values, "number", scale)))
        for scale in (1.0, 10.0)
    }
    assert of[1.0].of({"val/t/mse": 2.0}, "val") == pytest.approx(of[10.0].of({"val/t/mse": 200.0}, "val"))


def test_a_task_that_is_always_right_has_no_say_and_one_alone_has_no_score():
    same, two = Column(torch.zeros(4, dtype=torch.long), "label"), Column(torch.tensor([0, 1, 0, 1]), "label")
    score = Score([task("same", Accuracy()), task("two", Accuracy())], examples(same=same, two=two))
    assert score.of({"val/same/accuracy": 0.0, "val/two/accuracy": 75.0}, "val") == 0.5
    assert math.isnan(Score([task("same", Accuracy())], examples(same=same)).of({"val/same/accuracy": 100.0}, "val"))


def test_only_the_rows_of_the_split_count():
    labels = Column(torch.tensor([0, 0, 0, 1, 2, 2]), "label")
    assert Score([task("t", Accuracy())], examples(rows=torch.tensor([3, 4, 5]), t=labels)).trivial[
        "t", "accuracy"
    ] == (pytest.approx(200 / 3))


def test_of_many_labels_examples_at_equal_distances_are_read(monkeypatch):
    monkeypatch.setattr("mtlray.training.score._MOST_LABELS", 3)
    assert trivial(Accuracy(), [0, 1, 0, 1, 2, 2], "label") == pytest.approx(200 / 3), "0, 0, 2"


def test_a_metric_without_a_constant_prediction_leaves_no_score():
    @dataclass(frozen=True)
    class Own(Accuracy):
        def constant(self, target):
            return Metric.constant(self, target)

    score = Score([task("t", Own())], examples(t=Column(torch.tensor([0, 1]), "label")))
    assert score.trivial == {("t", "accuracy"): None}
    assert math.isnan(score.of({"val/t/accuracy": 75.0}, "val"))
