"""mtlray.analysis.frames: the same numbers as the printed tables, as pandas frames."""

import math

import numpy as np
import pytest
from scipy import stats

from mtlray.analysis import compare, table
from mtlray.analysis.grid.load import load


def test_cells(varied):
    frame = table(load(varied.folder))
    row = frame[(frame["strategy"] == "equal") & (frame["metric"] == "miou")].iloc[0]
    values = values_of(varied, "equal", "miou")
    assert row["n"] == 6
    assert row["mean"] == pytest.approx(np.mean(values), abs=1e-12)
    assert row["std"] == pytest.approx(np.std(values, ddof=1), abs=1e-12)


def test_a_path_is_as_good_as_results(varied):
    assert table(varied.folder, kind="leaderboard").equals(table(load(varied.folder), kind="leaderboard"))


def values_of(sweep, strategy: str, metric: str) -> list[float]:
    rows = load(sweep.folder).summary
    rows = rows[(rows["strategy"] == strategy) & (rows["metric"] == metric) & (rows["state"] == "done")]
    return rows.sort_values("seed")["at_best_val"].tolist()


@pytest.mark.parametrize(
    ("strategy", "metric", "single"), [("equal", "miou", "stl:seg"), ("dwa", "rel_err", "stl:depth")]
)
def test_comparisons_agree_with_scipy(varied, strategy, metric, single):
    frame = compare(load(varied.folder), select="best_val")
    (row,) = frame[
        (frame["baseline"] == "single-task") & (frame["strategy"] == strategy) & (frame["metric"] == metric)
    ].to_dict("records")
    x, y = values_of(varied, strategy, metric), values_of(varied, single, metric)
    sign = 1 if row["higher_is_better"] else -1
    assert row["p_t"] == pytest.approx(stats.ttest_rel(x, y).pvalue, rel=0, abs=1e-12)
    assert row["p_wilcoxon"] == pytest.approx(stats.wilcoxon(x, y).pvalue, rel=0, abs=1e-12)
    assert row["difference"] == pytest.approx(np.mean(x) - np.mean(y), abs=1e-12)
    u = stats.mannwhitneyu(sign * np.array(x), sign * np.array(y)).statistic
    assert row["probability_of_improvement"] == pytest.approx(u / 36)
    assert row["ci_low"] < row["difference"] < row["ci_high"]


def test_seeds_are_paired_where_both_have_them(varied):
    frame = compare(varied.folder, baseline="equal")
    (row,) = frame[(frame["strategy"] == "gls") & (frame["metric"] == "miou")].to_dict("records")
    x, y = values_of(varied, "gls", "miou"), values_of(varied, "equal", "miou")[:5]
    assert (row["n"], row["expected"]) == (5, 6)
    assert row["baseline_mean"] == pytest.approx(np.mean(y))
    assert row["difference"] == pytest.approx(np.mean(x) - np.mean(y))
    assert (row["lost"], math.isnan(row["p_t"])) == (1, True)  # a seed diverged: those left are no fair sample


def test_improvement_by_hand(varied):
    frame = table(varied.folder, kind="leaderboard").set_index("strategy")
    gains = []
    for metric, single, sign in (("miou", "stl:seg", 1), ("abs_err", "stl:depth", -1), ("rel_err", "stl:depth", -1)):
        m, b = np.array(values_of(varied, "equal", metric)), np.array(values_of(varied, single, metric))
        gains.append(np.mean(100 * sign * (m - b) / b))  # of each seed beside its own baseline
    row = frame.loc["equal"]
    assert row["delta_m_metric"] == pytest.approx(np.mean(gains))
    assert row["delta_m_task"] == pytest.approx((gains[0] + (gains[1] + gains[2]) / 2) / 2)
    assert row["delta_m_task_low"] < row["delta_m_task"] < row["delta_m_task_high"]
    assert math.isnan(frame.loc["single-task", "delta_m_task"])
    assert (row["mean_rank"], row["ranked"], row["wins"]) == (1, 5, 3)


def test_the_same_call_gives_the_same_intervals(varied):
    assert compare(varied.folder).equals(compare(varied.folder))


def test_ranks_are_over_all_fractions_and_each(complete):
    frame = table(complete.folder, kind="leaderboard")
    assert frame["fraction"].isna().sum() == 5
    assert sorted(frame["fraction"].dropna().unique()) == [0.25, 1.0]
    overall = frame[frame["fraction"].isna()].set_index("strategy")
    # On the left revised_uncertainty is first and equal third, on the right equal first and revised_uncertainty second.
    assert overall.loc["revised_uncertainty", "mean_rank"] == 1.5
    assert overall.loc["equal", "mean_rank"] == 2.0
    assert overall.loc["equal", "wins"] == 2
    # Neither is as good as the other on both digits; single-task is below revised_uncertainty on both.
    assert overall["pareto"].to_dict() == {
        "revised_uncertainty": 2, "equal": 2, "single-task": 0, "dwa": 0, "uncertainty": 0,
    }  # fmt: skip
