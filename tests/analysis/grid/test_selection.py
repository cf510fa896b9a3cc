"""mtlray.analysis.grid.selection: the rules by name, one evaluation for all tasks, and refusals of those that find nothing."""

import dataclasses

import pandas as pd
import pytest
from fabricated import NO_VALIDATION, joint_sweep
from from_curves import joint_evaluations, table_of_curves

from mtlray.analysis import TableOptions, render_table, tabulate
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.selection import RULES, rule
from mtlray.errors import ResultsError, SpecError
from mtlray.results.ledger import SUMMARY


def test_each_rule_reads_a_column_of_the_summary():
    names = ["best_val", "best_val_per_task", "best_test", "best_test_joint", "last", "mean_last_10"]
    assert [r.name for r in RULES] == names
    assert {r.column for r in RULES} <= set(SUMMARY.names)
    assert {r.step for r in RULES if r.step} <= set(SUMMARY.names)
    assert "as the paper reports" in rule("best_test").description


def test_rules_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule("last").column = "best_test"


def test_unknown_rule_shows_the_closest():
    with pytest.raises(SpecError, match=r"There is no selection rule `best_vall`\. Did you mean `best_val`\?"):
        rule("best_vall")


@pytest.mark.parametrize(
    ("select", "mean"),
    [
        (None, 0.0),
        ("best_val", 0.0),
        ("best_val_per_task", 1.0),
        ("best_test", 2.0),
        ("last", 3.0),
        ("mean_last_10", 4.0),
        ("best_test_joint", 5.0),
    ],
)
def test_each_rule_reads_its_own_column(make_sweep, select, mean):
    sweep = make_sweep()
    columns = {"at_best_val": 1.0, "best_test": 2.0, "last": 3.0, "mean_last_10": 4.0}
    columns |= {"at_joint_val": 0.0, "at_joint_test": 5.0}
    sweep.finish(sweep.plan("equal", ["left"]), {"left": None}, **columns)
    assert tabulate(load(sweep.folder), TableOptions(select=select)).frame()["mean"].tolist() == [mean]


def test_sweep_chooses_the_default(make_sweep):
    sweep = make_sweep(selection="last")
    sweep.plan("equal", ["left"])
    assert tabulate(load(sweep.folder)).selection.name == "last"


@pytest.mark.parametrize("select", ["best_val", "best_val_per_task"])
def test_without_a_validation_split_the_honest_rules_are_named(make_sweep, select):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0}, **NO_VALIDATION, mean_last_10=None)
    with pytest.raises(ResultsError) as caught:
        tabulate(load(sweep.folder), TableOptions(select=select))
    assert str(caught.value) == (
        f"Selection rule `{select}` should find a number in the finished trials of multi_mnist-left-right. Found none: they have "
        "no validation split, without which last and mean_last_10 are the honest rules. Rules that work here: best_test, "
        "best_test_joint, last; choose one with --select."
    )
    assert tabulate(load(sweep.folder), TableOptions(select="last")).frame()["mean"].tolist() == [90.0]


@pytest.mark.parametrize("select", ["best_test", "best_test_joint"])
def test_a_table_that_selects_on_test_names_the_honest_rules(make_sweep, select):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0}, **NO_VALIDATION)
    words = " ".join(render_table(sweep.folder, TableOptions(select=select)).split())
    assert "optimistic" in words
    assert "There is no validation split, without which last and mean_last_10 are the honest rules" in words
    assert "honest" not in render_table(sweep.folder, TableOptions(select="last"))


def test_trials_without_a_joint_score_are_in_no_joint_table(make_sweep):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0}, trivial=10.0)
    before = dict.fromkeys(("at_joint_val", "joint_val_step", "at_joint_test", "joint_test_step", "trivial"))
    sweep.finish(sweep.plan("equal", ["left"], seed=1), {"left": 91.0}, **before)
    with pytest.raises(ResultsError) as caught:
        tabulate(load(sweep.folder))
    assert str(caught.value) == (
        "Selection rule `best_val` should find a number in the finished trials of multi_mnist-left-right. Found 1 of 2 "
        "without the joint score that picks one evaluation for all tasks: they were made before it was recorded, or a "
        "task's first metric has no best constant prediction. Rules that work here: best_val_per_task, best_test, last, "
        "mean_last_10; choose one with --select."
    )


def test_a_trial_all_of_whose_scores_are_nan_is_not_finite(make_sweep):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0}, trivial=10.0)
    nothing = dict.fromkeys(("at_joint_val", "joint_val_step"))
    sweep.finish(sweep.plan("equal", ["left"], seed=1), {"left": 91.0}, trivial=10.0, **nothing)
    assert "90.00 (1/2, 1 not finite)" in render_table(sweep.folder)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((8, 8), "mean_last_10: test value, mean over all 8 evaluations of a trial, because there are no more"),
        ((8, 20), "mean over the last 10 evaluations, or over all where there are fewer, down to 8"),
        ((10, 20), "mean_last_10: test value, mean over the last 10 evaluations"),
    ],
)
def test_a_mean_of_fewer_than_ten_evaluations_is_called_what_it_is(make_sweep, counts, words):
    sweep = make_sweep()
    for seed, count in enumerate(counts):
        sweep.finish(sweep.plan("equal", ["left"], seed=seed), {"left": 90.0}, n_evaluations=count)
    rendered = render_table(sweep.folder, TableOptions(select="mean_last_10"), format="markdown")
    assert words in rendered
    assert ("no more" in rendered or "fewer" in rendered) == (min(counts) < 10)


def test_a_trial_that_trades_two_tasks_never_leads(tmp_path):
    """`trades` is at (82, 92), then (92, 82), ...: 87 on average at each step. `holds` is at (89, 89)."""
    folder = joint_sweep(tmp_path / "results").folder
    found = {
        select: tabulate(load(folder), TableOptions(kind="leaderboard", select=select)).frame()
        for select in ("best_val", "best_val_per_task")
    }
    found = {select: frame[frame["fraction"].isna()].set_index("strategy") for select, frame in found.items()}
    assert found["best_val_per_task"]["mean_rank"].idxmin() == "trades"  # the row of a network that there never was
    assert found["best_val"]["mean_rank"].idxmin() == "holds"
    assert found["best_val"].loc["trades", "delta_m_task"] < found["best_val"].loc["holds", "delta_m_task"]


def test_curves_alone_give_the_same_evaluations_and_the_same_table(tmp_path):
    folder = joint_sweep(tmp_path / "results").folder
    curves, guess = pd.read_parquet(f"{folder}/curves"), {"left": 25.0, "right": 20.0}
    picked, table = joint_evaluations(curves, guess), table_of_curves(curves, guess)
    summary = load(folder).summary.drop_duplicates("trial_id").set_index("trial_id")
    assert summary["joint_val_step"].to_dict() == picked["step"].to_dict()
    ours = tabulate(load(folder)).frame().set_index(["strategy", "fraction", "task"])
    both = ours.join(table.add_suffix("_of_curves"))
    assert len(both) == len(table) == 2 * (2 + 2 * 3)
    for name, of_curves in (("mean", "mean_of_curves"), ("std", "std_of_curves"), ("n", "count_of_curves")):
        pd.testing.assert_series_equal(both[name], both[of_curves], check_names=False)
