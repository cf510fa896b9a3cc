"""Selection rules: which evaluation of a trial counts. Every table names its rule at the top."""

from dataclasses import dataclass

import pandas as pd

from mtlray.errors import ResultsError, unknown_name


@dataclass(frozen=True, kw_only=True, slots=True)
class SelectionRule:
    """A way to pick one number from a trial's evaluations: name, summary column that holds it, and what it means."""

    name: str
    column: str
    description: str


RULES = (
    SelectionRule(
        name="best_val",
        column="at_best_val",
        description="test value at the evaluation that is best on the validation split",
    ),
    SelectionRule(
        name="best_test",
        column="best_test",
        description="best on the test split, as the paper reports; optimistic",
    ),
    SelectionRule(name="last", column="last", description="test value at the last evaluation"),
    SelectionRule(
        name="mean_last_10", column="mean_last_10", description="test value, mean over the last 10 evaluations"
    ),
)


def rule(name: str) -> SelectionRule:
    """The rule of that name. Raises SpecError, which lists the valid names."""
    for candidate in RULES:
        if candidate.name == name:
            return candidate
    raise unknown_name("selection rule", name, [candidate.name for candidate in RULES])


def require_values(selected: SelectionRule, done: pd.DataFrame, dataset: str) -> None:
    """Raise ResultsError where the summary rows `done` hold no number under a rule, but do under others."""
    if done.empty or done[selected.column].notna().any():
        return
    working = [candidate.name for candidate in RULES if done[candidate.column].notna().any()]
    if not working:
        return
    reason = "they have no validation split" if selected.name == "best_val" else f"`{selected.column}` is empty"
    raise ResultsError(
        f"Selection rule `{selected.name}` should find a number in the finished trials of {dataset}. "
        f"Found none: {reason}. Rules that work here: {', '.join(working)}; choose one with --select."
    )
