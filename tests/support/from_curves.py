"""A table made of a sweep's curves with pandas alone, from the definition in docs/results.md and without any of our code."""

import pandas as pd


def joint_evaluations(curves: pd.DataFrame, guess: dict[str, float]) -> pd.DataFrame:
    """The rows of the evaluations that the rule `best_val` picks, by trial; `guess` is what the best constant achieves, in %."""
    skills = [(curves[f"val/{task}/accuracy"] - value) / (100 - value) for task, value in guess.items()]
    scored = curves.assign(score=pd.concat(skills, axis=1).mean(axis=1))  # a single-task trial has one task
    return scored.sort_values(["score", "step"], ascending=[False, True]).groupby("trial_id").first()


def table_of_curves(curves: pd.DataFrame, guess: dict[str, float]) -> pd.DataFrame:
    """Mean, std and count of the test accuracy at those evaluations, by strategy, fraction and task."""
    long = joint_evaluations(curves, guess).melt(
        id_vars=["strategy", "fraction"],
        value_vars=[f"test/{task}/accuracy" for task in guess],
        var_name="task",
        value_name="value",
    )
    long["task"] = long["task"].str.split("/").str[1]
    return long.dropna(subset="value").groupby(["strategy", "fraction", "task"])["value"].agg(["mean", "std", "count"])
