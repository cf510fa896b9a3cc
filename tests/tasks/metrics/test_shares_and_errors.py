"""Metrics by hand, and over a split that is cut unevenly."""

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.tasks import metrics
from mtlray.tasks.losses import squared_error
from mtlray.tasks.metrics import Accuracy, MeanSquaredError, Metric
from mtlray.tasks.task import Task

CPU = torch.device("cpu")


def over(metric, prediction, target, sizes):
    totals = metric.init(prediction.shape[0], CPU)
    for p, t in zip(prediction.split(sizes, dim=1), target.split(sizes, dim=1), strict=True):
        totals = metric.update(totals, p, t)
    return totals


def test_accuracy_by_hand():
    prediction = torch.tensor([[[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]], [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]])
    target = torch.tensor([[1, 0, 0], [1, 1, 1]])
    assert Accuracy().compute(over(Accuracy(), prediction, target, [3])).tolist() == pytest.approx([200 / 3, 0])


def test_squared_error_by_hand():
    prediction = torch.tensor([[[1.0, 3.0]], [[0.0, 0.0]]])
    target = torch.tensor([[[0.0, 1.0]], [[0.0, 0.5]]])
    metric = MeanSquaredError()
    assert metric.compute(over(metric, prediction, target, [1])).tolist() == [2.5, 0.125]


@pytest.mark.parametrize("sizes", [[7], [1, 6], [3, 3, 1], [1] * 7], ids=str)
@pytest.mark.parametrize("metric", [Accuracy(), MeanSquaredError()], ids=lambda m: m.name)
def test_uneven_batches_give_what_the_whole_gives(metric, sizes):
    rng = torch.Generator().manual_seed(0)
    if isinstance(metric, Accuracy):
        prediction, target = torch.randn(2, 7, 3, generator=rng), torch.randint(3, (2, 7), generator=rng)
        expected = 100 * (prediction.argmax(-1) == target).double().mean(dim=1)
    else:
        prediction, target = torch.randn(2, 7, 3, 4, generator=rng), torch.randn(2, 7, 3, 4, generator=rng)
        expected = (prediction.double() - target.double()).square().mean(dim=(1, 2, 3))
    torch.testing.assert_close(metric.compute(over(metric, prediction, target, sizes)), expected)


@pytest.mark.parametrize("metric", [Accuracy(), MeanSquaredError()], ids=lambda m: m.name)
def test_totals_of_two_parts_add_up(metric):
    prediction = torch.rand(1, 6, 4)
    target = torch.randint(4, (1, 6)) if isinstance(metric, Accuracy) else torch.rand(1, 6, 4)
    whole = over(metric, prediction, target, [6])
    parts = over(metric, prediction[:, :2], target[:, :2], [2]) + over(metric, prediction[:, 2:], target[:, 2:], [4])
    torch.testing.assert_close(parts, whole)
    assert whole.dtype == torch.float64


def test_directions_and_units():
    assert (Accuracy.higher_is_better, Accuracy.unit) == (True, "%")
    assert (MeanSquaredError.higher_is_better, MeanSquaredError.unit) == (False, "1")


METRICS = [getattr(metrics, name) for name in metrics.__all__ if name not in ("Metric", "TotalsMetric")]


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.__name__)
def test_shares_in_percent_have_a_bound_and_no_other_metric_has(metric):
    assert metric.bound == (100 if metric.unit == "%" and metric.higher_is_better else None)


def test_success_on_one_batch_is_the_metric_over_its_bound():
    rng = torch.Generator().manual_seed(0)
    prediction, target = torch.randn(2, 7, 3, generator=rng), torch.randint(3, (2, 7), generator=rng)
    found = Accuracy().success(prediction, target)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, Metric.success(Accuracy(), prediction, target))
    classes = torch.randn(2, 3, 4, 5, 5, generator=rng), torch.randint(-1, 4, (2, 3, 5, 5), generator=rng)
    metric = metrics.MeanIoU(n_classes=4)
    torch.testing.assert_close(metric.success(*classes), metric.compute(over(metric, *classes, [3])) / 100)
    assert metric.success(classes[0], torch.full_like(classes[1], -1)).isnan().all(), "nothing is labelled"
    with pytest.raises(SpecError, match="Metric mse has no bound"):
        MeanSquaredError().success(prediction, prediction)


def test_a_tasks_bounded_metric_is_its_first_one_with_a_bound():
    def task(*metrics):
        return Task(name="t", likelihood="none", output_shape=(2,), loss=squared_error, metrics=metrics)

    assert task(MeanSquaredError(), Accuracy()).bounded_metric == Accuracy()
    assert task(MeanSquaredError()).bounded_metric is None
