"""The curves of a run: what is recorded at each evaluation, and nothing that is trained."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from mtlray.errors import SpecError
from mtlray.results.schema import SPLITS
from mtlray.specs import TrialSpec
from mtlray.tasks.task_losses import TaskLosses
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.contract import check_scalars
from mtlray.training.diagnostics import N_BATCHES, gradient_diagnostics, jacobians
from mtlray.training.evaluation import evaluate
from mtlray.training.run import Run
from mtlray.training.sampling import Block, PackData
from mtlray.training.score import Score

_Columns = dict[str, list[float]]  # a value for each trial


class Curves:
    """Writes the curve of each trial of a pack: `rows[trial]`, one row an evaluation, begun with those of `saved`."""

    def __init__(self, trials: Sequence[TrialSpec], data: PackData, run: Run, saved: Sequence[Checkpoint] = ()) -> None:
        self._trials, self._trial, self._data, self._run = trials, trials[0], data, run
        self.score = Score(self._trial.tasks, data.splits["train"])
        self.rows: list[list[dict[str, Any]]] = [
            [self._scored(row) for row in checkpoint.rows] for checkpoint in saved
        ] or [[] for _ in trials]
        if self._trial.patience is not None and None in self.score.trivial.values():
            self._refuse_patience()
        if saved:
            run.rates.replay([(row["step"], row.get("val/score") or math.nan) for row in self.rows[0]])
        self.out_of_patience = self._ran_out_of_patience()
        """Whether the trial, at its last evaluation, had no better validation score for as many as it has `patience`."""
        self._seconds_before = max((c.seconds for c in saved), default=0.0)
        self._started = time.monotonic()
        self._last = (self._started, run.step)  # when and at which step the last evaluation ended

    def _ran_out_of_patience(self) -> bool:
        patience = self._trial.patience
        if patience is None:
            return False
        scores = [-math.inf if (score := row.get("val/score")) is None else score for row in self.rows[0]]
        return len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before an interruption included."""
        return self._seconds_before + time.monotonic() - self._started

    def _refuse_patience(self) -> None:
        main = [(task.name, task.metrics[0].name) for task in self._trial.tasks]
        for task, metric in main:
            if self.score.trivial[task, metric] is None:
                raise SpecError(
                    f"A trial with `patience` should have a score: a main metric of each task that says what its best constant "
                    f"prediction is. {metric} of task {task} does not. Add `constant` to it, or leave `patience` out."
                )

    def evaluate(self) -> None:
        """Add a row to the curve of each trial that has not diverged. Raises what a metric raises."""
        run = self._run
        epoch = run.step * run.strategy.batches_per_step / self._trial.batches_per_epoch
        same = {"step": run.step, "epoch": epoch, "train_samples_per_second": self._rate()}
        columns, scalars = self._of_training(), self._of_strategy()
        if self._trial.gradient_diagnostics:
            columns |= self._of_gradients()
        batch = self._trial.dataset.evaluation_batch
        for split in SPLITS:
            measured = evaluate(run.networks, self._data.splits[split], batch, self._data.labelled[split])
            columns |= {f"{split}/{name}": values for name, values in measured.items()}
        of_evaluation = [
            values for name, values in columns.items() if name.startswith(("val/", "test/")) and name.endswith("/loss")
        ]
        diverged_at = run.meters.diverged_at
        for i, rows in enumerate(self.rows):
            if diverged_at[i] < 0 and not all(math.isfinite(values[i]) for values in of_evaluation):
                diverged_at[i] = run.step  # the last update broke the network; no later batch may tell
            if diverged_at[i] < 0:
                own = {name: values[i] for name, values in columns.items()}
                rows.append(
                    self._scored({**same, **own, "strategy_scalars": {name: v[i] for name, v in scalars.items()}})
                )
        self.out_of_patience = self._ran_out_of_patience()
        run.look_for_divergence()
        run.rates.evaluated(self._last_score(0))
        run.meters.end_interval()
        self._last = (time.monotonic(), run.step)

    def _last_score(self, trial: int) -> float:
        rows = self.rows[trial]
        score = rows[-1].get("val/score") if rows else None
        return math.nan if score is None else float(score)

    def _scored(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row with the trial's scores, where there are any. A checkpoint of an earlier release has none yet."""
        scores = {f"{split}/score": self.score.of(row, split) for split in SPLITS}
        return row | {name: score for name, score in scores.items() if math.isfinite(score)}

    def _rate(self) -> float:
        """Training examples a second of each trial since the last evaluation."""
        then, step = self._last
        n_batches = (self._run.step - step) * self._run.strategy.batches_per_step
        return n_batches * self._trial.examples_per_batch / (time.monotonic() - then)

    def _of_training(self) -> _Columns:
        """Means since the last evaluation, and the trunk's gradient of the last step."""
        run = self._run
        n_steps = (run.step - 1) % self._trial.evaluation_interval + 1
        train_losses = run.meters.mean_losses(n_steps * run.strategy.batches_per_step).tolist()
        weights = run.meters.mean_weights(n_steps).tolist()
        columns: _Columns = {
            "weight_sum": [sum(of_tasks) for of_tasks in weights],
            "grad_norm/trunk": run.networks.trunk_gradient_norm().tolist(),
        }
        for t, task in enumerate(self._trial.tasks):
            columns[f"train/{task.name}/loss"] = [of_tasks[t] for of_tasks in train_losses]
            columns[f"weight/{task.name}"] = [of_tasks[t] for of_tasks in weights]
        return columns

    def _of_strategy(self) -> _Columns:
        strategy = self._run.strategy
        scalars = strategy.scalars(self._run.state)
        check_scalars(strategy, scalars, len(self._trials))
        return {name: values.tolist() for name, values in scalars.items()}

    def _of_gradients(self) -> _Columns:
        """Diagnostics on batches that are not in the order of training, with dropout masks of their own."""
        step = self._run.step
        drawn = self._data.apart("diagnostics", step, N_BATCHES)
        batches = [partial(self._losses, batch, -1 - step * N_BATCHES - i) for i, batch in enumerate(drawn)]
        found = gradient_diagnostics(jacobians(self._run.networks, batches), self._trial.tasks)
        return {name: values.tolist() for name, values in found.items()}

    def _losses(self, batch: Sequence[Block], number: int) -> TaskLosses:
        return self._run.networks.losses(*self._data.of(batch), number)

    def checkpoints(self) -> list[Checkpoint]:
        """All that each trial is: the run's checkpoints with the curves so far."""
        made, seconds = self._run.checkpoints([trial.trial_id for trial in self._trials]), self.seconds
        return [
            replace(checkpoint, rows=rows, seconds=seconds, data_fingerprint=self._data.fingerprint)
            for checkpoint, rows in zip(made, self.rows, strict=True)
        ]
