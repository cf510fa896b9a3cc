"""The networks that a launch keeps of its trials: what `--keep` asks for. Changes no number of any trial."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from torch import Tensor

from mtlray.errors import SpecError
from mtlray.results.kept import KeptNetwork
from mtlray.specs import RunConfig, TrialSpec
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.curve import Curves
from mtlray.training.predicting import predict
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

LARGEST_PREDICTION = 4096
"""Numbers an example; a task with more, such as a class for each pixel, has no column in what is kept."""

_State = dict[str, Tensor]


class Keeping:
    """Called after each step of a pack; holds the network of each trial that is to be kept, and writes nothing.

    "best" is the evaluation with the highest joint validation score, the first of equals; "last" the last step, or that at which
    a trial stops early. The best so far is part of a trial's checkpoint. `networks` are there after the last step, by trial,
    without those that diverged.
    """

    def __init__(
        self,
        trials: Sequence[TrialSpec],
        keep: str | None,
        saved: Sequence[Checkpoint | None],
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._trials, self._keep, self._say = trials, keep, say
        self._best = [_best_of(checkpoint) for checkpoint in saved]
        self._index = {trial.trial_id: i for i, trial in enumerate(trials)}
        self._checked = False
        self.networks: dict[str, KeptNetwork] = {}

    def __call__(self, run: Run, data: PackData, curves: Curves) -> None:
        """Raises SpecError where "best" is asked for and a task has no scale for a score."""
        if self._keep is None:
            return
        last = run.step == self._trials[0].steps or curves.out_of_patience
        if self._keep == "best":
            if not self._checked:
                self._refuse_without_score(curves)
            self._compare(run, curves)
        elif last:
            state = run.networks.state()
            self._best = [{"step": run.step, "model": _of(state, i)} for i in range(len(self._trials))]
        if last:
            self._finish(run, data)

    def in_checkpoint(self, checkpoint: Checkpoint) -> Checkpoint:
        """A trial's checkpoint with its best network so far."""
        if self._keep != "best":
            return checkpoint
        best = self._best[self._index[checkpoint.trial_id]]
        return replace(checkpoint, kept=best) if best.get("model") is not None else checkpoint

    def _refuse_without_score(self, curves: Curves) -> None:
        self._checked = True
        for task in self._trials[0].tasks:
            metric = task.metrics[0]
            if metric.perfect is None or curves.score.trivial[task.name, metric.name] is None:
                raise SpecError(
                    f"Option --keep best goes by the joint validation score, and metric {metric.name} of task {task.name} has no "
                    "scale for one: its class names no perfect value, or no constant prediction. Choose --keep last, and let "
                    "the trial run again with `mtlray retry`."
                )

    def _compare(self, run: Run, curves: Curves) -> None:
        """Take the networks of trials whose evaluation of this step is their best so far."""
        better = []
        for i, rows in enumerate(curves.rows):
            score = rows[-1].get("val/score") if rows and rows[-1]["step"] == run.step else None
            if score is not None and score > self._best[i].get("score", -np.inf):
                better.append((i, score))
        state = run.networks.state() if better else {}
        for i, score in better:
            self._best[i] = {"step": run.step, "score": score, "model": _of(state, i)}

    def _finish(self, run: Run, data: PackData) -> None:
        """Let the kept networks predict the test split."""
        diverged = (run.meters.diverged_at >= 0).tolist()
        kept = [i for i, best in enumerate(self._best) if best.get("model") is not None and not diverged[i]]
        if len(kept) + sum(diverged) < len(self._trials):
            self._say(
                "Nothing is kept: the best evaluation was before the trial was continued with --keep, or none has a score."
            )
        if not kept:
            return
        trained = run.networks.state()
        chosen = {name: tensor.clone() for name, tensor in trained.items()}
        for i in kept:
            for name, tensor in self._best[i]["model"].items():
                chosen[name][i] = tensor.to(chosen[name].device)
        run.networks.load(chosen)
        columns = _columns(run, data, self._trials[0])
        run.networks.load(trained)
        for i in kept:
            trial, best = self._trials[i], self._best[i]
            facts = {"trial_id": trial.trial_id, "step": best["step"], "keep": self._keep}
            facts |= {"data_fingerprint": data.fingerprint, "spec": trial.canonical}
            table = predictions_table(trial.trial_id, best["step"], {name: of[i] for name, of in columns.items()})
            self.networks[trial.trial_id] = KeptNetwork(_saved(best["model"]), table, facts)


def check_keeping(trials: Sequence[TrialSpec], config: RunConfig) -> None:
    """Raise SpecError where networks are to be kept by a score that trials will not have."""
    without = {trial.dataset.label for trial in trials if trial.dataset.n_examples("val") == 0}
    if config.keep == "best" and without:
        raise SpecError(
            f"Option --keep best goes by the joint validation score. {', '.join(sorted(without))} has no validation examples. "
            "Hold some out, or choose --keep last."
        )
    unscaled = [task for trial in trials for task in trial.tasks if task.lacks_scale]
    if config.keep == "best" and unscaled:
        first = min(f"{task.metrics[0].name} of task {task.name}" for task in unscaled)
        raise SpecError(
            f"Option --keep best goes by the joint validation score, and metric {first} has no scale for one: its class names "
            "no perfect value, or no constant prediction. Choose --keep last."
        )


def _best_of(checkpoint: Checkpoint | None) -> dict[str, Any]:
    """The best network so far. Its tensors are missing where the evaluation was made without `--keep best`."""
    scored = [(row["val/score"], row["step"]) for row in (checkpoint.rows if checkpoint else ()) if "val/score" in row]
    if checkpoint is None or not scored:
        return {}
    score, step = max(scored, key=lambda pair: pair[0])
    return checkpoint.kept if checkpoint.kept.get("step") == step else {"step": step, "score": score}


def _of(state: _State, i: int) -> _State:
    return {name: tensor[i].cpu().clone() for name, tensor in state.items()}


def _saved(model: _State) -> bytes:
    from safetensors.torch import save

    return save({name: tensor.contiguous() for name, tensor in model.items()})


def _columns(run: Run, data: PackData, trial: TrialSpec) -> dict[str, np.ndarray]:
    """`label/{task}` and `prediction/{task}`, `[seed, example, ...]`, of tasks that are not too large."""
    parts: dict[str, list[np.ndarray]] = {}
    for batch in named_predictions(
        run.networks.tasks, predict(run.networks, data.splits["test"], trial.dataset.evaluation_batch)
    ):
        for name, tensor in batch.items():
            if tensor[0, 0].numel() <= LARGEST_PREDICTION:
                parts.setdefault(name, []).append(tensor.cpu().numpy())
    return {name: np.concatenate(arrays, axis=1) for name, arrays in parts.items()}


def named_predictions(
    tasks: Sequence[Any], batches: Iterator[tuple[Sequence[Tensor], Sequence[Tensor]]]
) -> Iterator[_State]:
    """Batches of `predict` with a name for each tensor, `[seed, batch, ...]`; a target of one number has no further axis."""
    for predictions, targets in batches:
        found: _State = {}
        for task, prediction, target in zip(tasks, predictions, targets, strict=True):
            found[f"label/{task.name}"] = target.flatten(1) if target[0, 0].numel() == 1 else target
            found[f"prediction/{task.name}"] = prediction
        yield found


def predictions_table(trial_id: str, step: int, columns: dict[str, np.ndarray], first: int = 0) -> pa.Table:
    """One row for each example, from arrays `[example, ...]`; what has several numbers an example becomes a list of fixed length.

    Its shape is in the field's metadata. `first` is the place of the first example in the split.
    """
    n = len(next(iter(columns.values())))
    same = {
        "trial_id": pa.array([trial_id] * n),
        "step": pa.array([step] * n),
        "example": pa.array(np.arange(n) + first),
    }
    fields, arrays = [pa.field(name, array.type) for name, array in same.items()], list(same.values())
    for name, values in columns.items():
        flat = pa.array(values.reshape(-1))
        array = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values[0].size)
        fields.append(pa.field(name, array.type, metadata={"shape": ",".join(map(str, values.shape[1:]))}))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
