"""Selection rules: which evaluation of a trial counts. Every table names its rule at the top."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mtlray.errors import ResultsError, unknown_name

DEFAULT = "best_val"
HONEST = "last and mean_last_10 are the honest rules"  # where nothing but the test split could select


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectionRule:
    """A way to pick one number from a trial's evaluations: name, summary column that holds it, and what it means.

    A joint rule picks one evaluation for all tasks and metrics of a trial: `step` is the column that says which, and `alone`
    the one with what a task and metric would pick for itself.
    """

    name: str
    column: str
    description: str
    step: str = ""
    alone: str = ""


RULES = (
    SelectionRule(
        name="best_val",
        column="at_joint_val",
        description="test values at the one evaluation of a trial whose validation score, over all its tasks, is best",
        step="joint_val_step",
        alone="at_best_val",
    ),
    SelectionRule(
        name="best_val_per_task",
        column="at_best_val",
        description="test value at the evaluation that is best on the validation split, for each task and metric alone",
    ),
    SelectionRule(
        name="best_test",
        column="best_test",
        description="best on the test split, for each task and metric alone, as the paper reports; optimistic",
    ),
    SelectionRule(
        name="best_test_joint",
        column="at_joint_test",
        description="test values at the one evaluation of a trial whose test score, over all its tasks, is best; optimistic",
        step="joint_test_step",
        alone="best_test",
    ),
    SelectionRule(name="last", column="last", description="test value at the last evaluation"),
    SelectionRule(
        name="mean_last_10", column="mean_last_10", description="test value, mean over the last 10 evaluations"
    ),
)
# What the rules read of the summary.
READ = tuple(dict.fromkeys(name for r in RULES for name in (r.column, r.step, r.alone) if name))


def rule(name: str) -> SelectionRule:
    """The rule of that name. Raises SpecError, which lists the valid names."""
    for candidate in RULES:
        if candidate.name == name:
            return candidate
    raise unknown_name("selection rule", name, [candidate.name for candidate in RULES])


def rule_of(select: str | None, sweep: Mapping[str, Any]) -> SelectionRule:
    """The rule that is asked for, else the sweep's own. Raises SpecError for an unknown name."""
    return rule(select if select is not None else sweep.get("selection") or DEFAULT)


def require_values(selected: SelectionRule, done: pd.DataFrame, dataset: str) -> None:
    """Raise ResultsError where the summary rows `done` hold no number under a rule, or not all of them, but do under others."""
    reason = _refusal(selected, done)
    if not reason:
        return
    working = [candidate.name for candidate in RULES if not _refusal(candidate, done)]
    if working:
        raise ResultsError(
            f"Selection rule `{selected.name}` should find a number in the finished trials of {dataset}. {reason}. "
            f"Rules that work here: {', '.join(working)}; choose one with --select."
        )


def _refusal(selected: SelectionRule, done: pd.DataFrame) -> str:
    """Why a rule does not work for these rows; "" where it does."""
    if done.empty:
        return ""
    if selected.step:
        # A trial whose scores are all NaN is not finite; one whose metric has no scale has no score to be picked by.
        unscored = done[selected.step].isna() & done[selected.alone].notna() & done["trivial"].isna()
        if unscored.any():
            count, total = done.loc[unscored, "trial_id"].nunique(), done["trial_id"].nunique()
            return (
                f"Found {count} of {total} without the joint score that picks one evaluation for all tasks: they were made "
                "before it was recorded, or a task's first metric has no best constant prediction"
            )
    if done[selected.column].notna().any():
        return ""
    if selected.name.startswith("best_val"):
        return f"Found none: they have no validation split, without which {HONEST}"
    return f"Found none: `{selected.column}` is empty"
