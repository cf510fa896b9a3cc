"""mtlray.analysis.statistics.improvement: Δm of the published means in both conventions, and the price of selection."""

import numpy as np
import pytest

from mtlray.analysis.grid.published import published
from mtlray.analysis.statistics import delta_m, near_zero, selection_price
from mtlray.errors import ResultsError

LOWER_IS_BETTER = ("abs_error", "rel_error", "angle", "mean_abs", "median_abs")


@pytest.mark.parametrize(
    ("table", "strategy", "per_metric", "per_task"),
    [
        ("gong2019:3", "equal", -4.30, -0.98),
        ("gong2019:3", "dwa", -4.29, -0.97),
        ("gong2019:3", "uncertainty", -1.60, 0.91),
        ("gong2019:3", "revised_uncertainty", -1.53, 1.06),
        ("gong2019:4", "equal", 2.83, 2.04),
        ("gong2019:4", "dwa", 3.12, 2.30),
        ("gong2019:4", "uncertainty", 1.95, 1.40),
        ("gong2019:4", "revised_uncertainty", 2.48, 1.87),
    ],
)
def test_the_published_means(table, strategy, per_metric, per_task):
    """Worked out by hand from the paper's tables; equal loses per metric what it gains on one task of three."""
    frame = published(table)
    single = frame[frame["strategy"].str.startswith("stl:")].set_index(["task", "metric"])
    ours = frame[frame["strategy"] == strategy].set_index(["task", "metric"]).loc[single.index]
    tasks, metrics = zip(*single.index, strict=True)
    up = [not metric.startswith(LOWER_IS_BETTER) for metric in metrics]
    found = [delta_m(ours["mean"], single["mean"], higher_is_better=up, tasks=tasks, per=p) for p in ("metric", "task")]
    assert found == pytest.approx([per_metric, per_task], abs=0.005)


def test_by_hand():
    # Task a: accuracy +10 %, error -20 % which is better; task b: +1 %.
    arguments = {"higher_is_better": [True, False, True], "tasks": ["a", "a", "b"]}
    m, b = [0.55, 0.4, 1.01], [0.5, 0.5, 1.0]
    assert delta_m(m, b, per="task", **arguments) == pytest.approx((15 + 1) / 2)
    assert delta_m(m, b, per="metric", **arguments) == pytest.approx((10 + 20 + 1) / 3)


def test_a_baseline_of_zero_has_no_relative_gain():
    assert np.isnan(delta_m([1.0], [0.0], higher_is_better=True, tasks=["a"], per="task"))


@pytest.mark.parametrize("per", ["task", "metric"])
def test_a_gain_on_a_negative_metric_is_positive(per):
    """A log-likelihood of −90 is better than one of −100, by 10 %."""
    arguments = {"tasks": ["a"], "per": per}
    assert delta_m([-90.0], [-100.0], higher_is_better=True, **arguments) == pytest.approx(10)
    assert delta_m([-90.0], [-100.0], higher_is_better=False, **arguments) == pytest.approx(-10)


def test_too_near_zero_to_divide_by():
    columns = {
        "far": ([1.0, 1.1, 0.9], False),
        "negative": ([-1.0, -1.1, -0.9], False),
        "changes sign": ([0.1, -0.1, 0.2], True),
        "within four spreads": ([1.0, 0.5, 1.5], True),
        "zero": ([0.0, 0.0, 0.0], True),
        "small, and known": ([1e-9, 1.1e-9, 0.9e-9], False),
    }
    values, expected = zip(*columns.values(), strict=True)
    assert near_zero(np.array(values).T).tolist() == list(expected)
    assert near_zero([[0.0, 1.0]]).tolist() == [True, False]


def test_the_price_of_selecting_on_test():
    assert selection_price([97.5, 0.30], [97.1, 0.35], [True, False]) == pytest.approx([0.4, 0.05])


def test_columns_must_have_tasks():
    with pytest.raises(ResultsError, match=r"the task of each of 2 columns\. Found 1"):
        delta_m([1.0, 2.0], [1.0, 2.0], higher_is_better=True, tasks=["a"], per="task")
