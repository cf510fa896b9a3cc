"""Trackers: a sweep's finished trials, read from its Parquet files, as runs of TensorBoard, W&B or MLflow.

They come after the trials and change nothing in the results; if one fails, only its own export is lost.
"""

from mtlray.trackers.mlflow import to_mlflow
from mtlray.trackers.tensorboard import LiveTensorBoard, to_tensorboard, trial_folder
from mtlray.trackers.tracked_trial import TrackedTrial, finished_trials
from mtlray.trackers.wandb import to_wandb

TRACKERS = {"tensorboard": to_tensorboard, "wandb": to_wandb, "mlflow": to_mlflow}

__all__ = [
    "TRACKERS",
    "LiveTensorBoard",
    "TrackedTrial",
    "finished_trials",
    "to_mlflow",
    "to_tensorboard",
    "to_wandb",
    "trial_folder",
]
