"""Metrics, exact over a whole split. One kind of task a file."""

from mtlray.tasks.metrics.ages import MeanAgeError, MedianAgeError
from mtlray.tasks.metrics.base import Accuracy, MeanSquaredError, Metric, TotalsMetric
from mtlray.tasks.metrics.depth import DepthError, DepthErrorLegacy, RelativeDepthError, RelativeDepthErrorLegacy
from mtlray.tasks.metrics.normals import (
    AngleMean,
    AngleMeanLegacy,
    AngleMedian,
    AngleMedianLegacy,
    Within11,
    Within11Legacy,
    Within22,
    Within22Legacy,
    Within30,
    Within30Legacy,
)
from mtlray.tasks.metrics.segmentation import MeanIoU, MeanIoULegacy, PixelAccuracy, PixelAccuracyLegacy

__all__ = [
    "Accuracy",
    "AngleMean",
    "AngleMeanLegacy",
    "AngleMedian",
    "AngleMedianLegacy",
    "DepthError",
    "DepthErrorLegacy",
    "MeanAgeError",
    "MeanIoU",
    "MeanIoULegacy",
    "MeanSquaredError",
    "MedianAgeError",
    "Metric",
    "PixelAccuracy",
    "PixelAccuracyLegacy",
    "RelativeDepthError",
    "RelativeDepthErrorLegacy",
    "TotalsMetric",
    "Within11",
    "Within11Legacy",
    "Within22",
    "Within22Legacy",
    "Within30",
    "Within30Legacy",
]
