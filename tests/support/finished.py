"""Trials that are finished without training: rows of made-up numbers, committed as a worker commits them."""

from typing import Any

from mtlray.identity.provenance import Commit
from mtlray.results.ledger import Ledger
from mtlray.results.states import TrialState
from mtlray.running.rows import Circumstances, curves_table, summary_table
from mtlray.specs import TrialSpec

FINGERPRINT = "f00d"


def rows_of(trial: TrialSpec, value: float) -> list[dict[str, Any]]:
    return [
        {
            "step": step, "epoch": 0.1, "weight_sum": 1.0, "grad_norm/trunk": 1.0, "strategy_scalars": {},
            "train_samples_per_second": 10.0,
            **{
                f"{split}/{task.name}/{name}": value + step
                for split in ("val", "test")
                for task in trial.tasks
                for name in ("loss", *(metric.name for metric in task.metrics))
            },
        }
        for step in (10, 20)
    ]  # fmt: skip


def finish(
    ledger: Ledger,
    trial: TrialSpec,
    value: float = 1.0,
    *,
    state: TrialState = TrialState.DONE,
    fingerprint: str = FINGERPRINT,
) -> None:
    """Commit a trial; the numbers follow from `value`."""
    about = Circumstances(
        sweep=ledger.sweep, fingerprint=fingerprint, commit=Commit("abc", False), device="cpu", pack_size=1, attempts=1,
        seconds=value,
    )  # fmt: skip
    rows = [] if state is TrialState.FAILED else rows_of(trial, value)
    curves = curves_table(trial, rows) if rows else None
    summary = summary_table(trial, state, 20 if rows else 0, rows, about, "" if state is TrialState.DONE else "no")
    ledger.commit(trial.trial_id, trial.dataset.label, curves, summary)
