"""The three tasks on NYUv2, with the metrics over the set first and those of 2019 after them."""

from mtlray.data.nyuv2.sample import CLASSES
from mtlray.tasks import metrics
from mtlray.tasks.losses import depth_error, normal_error, pixel_cross_entropy
from mtlray.tasks.task import Task

TASKS = ("segmentation", "depth", "normals")
_N = len(CLASSES)


def nyuv2_task(name: str, size: tuple[int, int]) -> Task:
    """A task on images of a height and width."""
    if name == "segmentation":
        return Task(
            name=name,
            likelihood="categorical",
            output_shape=(_N, *size),
            loss=pixel_cross_entropy,
            metrics=(
                metrics.MeanIoU(_N),
                metrics.PixelAccuracy(_N),
                metrics.MeanIoULegacy(_N),
                metrics.PixelAccuracyLegacy(_N),
            ),
        )
    if name == "depth":
        return Task(
            name=name,
            likelihood="laplace",
            output_shape=(1, *size),
            loss=depth_error,
            metrics=(
                metrics.DepthError(),
                metrics.RelativeDepthError(),
                metrics.DepthErrorLegacy(),
                metrics.RelativeDepthErrorLegacy(),
            ),
        )
    return Task(
        name=name,
        likelihood="gaussian",  # 1 - cosine is half the squared distance of two unit vectors
        output_shape=(3, *size),
        loss=normal_error,
        metrics=(
            metrics.AngleMean(),
            metrics.AngleMedian(),
            metrics.Within11(),
            metrics.Within22(),
            metrics.Within30(),
            metrics.AngleMeanLegacy(),
            metrics.AngleMedianLegacy(),
            metrics.Within11Legacy(),
            metrics.Within22Legacy(),
            metrics.Within30Legacy(),
        ),
    )
