"""TensorBoard: a folder of event files for each trial, written after the trials, or while they run on request."""

import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtlray.trackers.tracked_trial import TrackedTrial, need, scalars_of


def to_tensorboard(trials: Iterable[TrackedTrial], to: str, project: str) -> str:
    """Write `to/<sweep>/<cell>/<seed and id>`, each trial anew; returns what was done. Raises LaunchError, OSError."""
    tensorboard = need("tensorboardX", "tensorboardX")
    summary = need("tensorboardX.summary", "tensorboardX")
    n = 0
    for trial in trials:
        folder = trial_folder(Path(to), project, trial.group, trial.parameters["seed"], trial.trial_id)
        shutil.rmtree(folder, ignore_errors=True)
        with tensorboard.SummaryWriter(str(folder)) as writer:
            for part in summary.hparams({k: v for k, v in trial.parameters.items() if k != "spec"}, dict(trial.final)):
                writer.file_writer.add_summary(part)
            writer.add_text("spec", f"    {trial.parameters['spec']}", 0)
            for step, values in trial.scalars:
                for name, value in values.items():
                    writer.add_scalar(name, value, step)
            for name, value in trial.final.items():
                writer.add_scalar(name, value, trial.parameters["steps"])
        n += 1
    return f"{n} trials written below {Path(to) / project}. View them with: tensorboard --logdir {to}"


def trial_folder(to: Path, sweep: str, group: str, seed: int, trial_id: str) -> Path:
    """Where one trial's event files lie."""
    cell = re.sub(r"[^\w.+-]+", "_", group).strip("_")
    return to / sweep / cell / f"seed{seed}-{trial_id}"


class LiveTensorBoard:
    """Writes a trial's curve so far, whenever its checkpoint is saved. Never raises: the trial comes first."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._writer: Any = None
        self._written = 0
        self.trouble: str = ""
        """What went wrong, if anything did; nothing is written after that."""

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The rows since the last call; nothing where no folder was given."""
        if self._folder is None or self.trouble or len(rows) <= self._written:
            return
        try:
            if self._writer is None:
                shutil.rmtree(self._folder, ignore_errors=True)  # an earlier attempt's; `rows` start at the first
                self._writer = need("tensorboardX", "tensorboardX").SummaryWriter(str(self._folder))
            for row in rows[self._written :]:
                for name, value in scalars_of(row).items():
                    self._writer.add_scalar(name, value, row["step"])
            self._writer.flush()
            self._written = len(rows)
        except Exception as error:
            self.trouble = f"{type(error).__name__}: {error}"

    def close(self) -> str:
        """Close the file; returns what went wrong, if anything did."""
        try:
            if self._writer is not None:
                self._writer.close()
        except Exception as error:
            self.trouble = self.trouble or f"{type(error).__name__}: {error}"
        self._writer = None
        return self.trouble
