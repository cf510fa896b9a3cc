"""Metrics, exact over a whole split. One kind of task a file."""

from mtlray.metrics.ages import MeanAgeError, MedianAgeError
from mtlray.metrics.base import Accuracy, MeanSquaredError, Metric, TotalsMetric
from mtlray.metrics.depth import DepthError, DepthErrorLegacy, RelativeDepthError, RelativeDepthErrorLegacy
from mtlray.metrics.normals import (
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
from mtlray.metrics.segmentation import MeanIoU, MeanIoULegacy, PixelAccuracy, PixelAccuracyLegacy

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
