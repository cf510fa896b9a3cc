"""mtlray.analysis.grid.cells: means, deviations and counts, worked out by hand; what is marked; what is refused."""

import statistics

import pytest

from mtlray.analysis.grid.cells import Cell, Grid
from mtlray.analysis.grid.cells import grid as grid_of
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.selection import rule
from mtlray.errors import ResultsError

DATASET = "multi_mnist-left-right"


def grid(sweep) -> Grid:
    return grid_of(load(sweep.folder), rule("best_val"), DATASET)


def cell(grid: Grid, strategy: str, task: str, fraction: float) -> Cell:
    (column,) = (c for c in grid.columns if c.measure.task == task and c.fraction == fraction)
    return grid.cells[strategy, column]


def test_mean_and_deviation_by_hand(make_sweep):
    sweep = make_sweep()
    for seed, value in enumerate([90.0, 92.0, 97.0]):
        sweep.finish(sweep.plan("equal", ["left"], seed=seed), {"left": value})
    found = cell(grid(sweep), "equal", "left", 1.0)
    assert found.mean == 93.0
    assert found.std == pytest.approx(13**0.5)  # (9 + 1 + 16) / (3 - 1)
    assert (found.n, found.expected, found.complete) == (3, 3, True)


def test_one_seed_has_no_deviation(make_sweep):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0})
    found = cell(grid(sweep), "equal", "left", 1.0)
    assert (found.mean, found.std, found.n) == (90.0, None, 1)


def test_order_is_the_sweeps_with_most_data_first(complete):
    found = grid(complete)
    assert found.strategies == ("stl:left", "stl:right", "equal", "dwa", "uncertainty", "revised_uncertainty")
    assert [(c.measure.task, c.fraction) for c in found.columns] == [
        ("left", 1.0), ("left", 0.25), ("right", 1.0), ("right", 0.25),
    ]  # fmt: skip
    assert found.steps == (2000,)


def test_single_task_rows_have_one_task(complete):
    found = grid(complete)
    assert found.single_task == {"stl:left", "stl:right"}
    assert {c.measure.task for s, c in found.cells if s == "stl:right"} == {"right"}


def test_only_done_trials_are_averaged(broken):
    found = grid(broken)
    lost = cell(found, "stl:left", "left", 1.0)
    assert (lost.mean, lost.n, lost.expected) == (pytest.approx(97.6), 2, 3)
    mixed = cell(found, "dwa", "left", 0.25)
    assert (mixed.mean, mixed.std, mixed.n, mixed.diverged, mixed.failed) == (95.5, None, 1, 1, 1)
    gone = cell(found, "uncertainty", "right", 0.25)
    assert (gone.mean, gone.n, gone.diverged) == (None, 0, 3)
    damaged = cell(found, "revised_uncertainty", "left", 0.25)
    assert (damaged.n, damaged.diverged, damaged.failed) == (2, 0, 0)
    assert dict(found.states) == {"done": 29, "diverged": 4, "failed": 1, "not finished": 2}


def test_nan_is_counted_and_not_averaged(broken):
    found = cell(grid(broken), "equal", "left", 1.0)
    assert found.mean == pytest.approx(statistics.fmean([97.25, 97.45]))
    assert (found.n, found.not_finite) == (2, 1)
    assert cell(grid(broken), "equal", "right", 1.0).complete


def test_an_infinite_value_is_not_finite(make_sweep):
    sweep = make_sweep()
    for seed, value in enumerate([1.0, float("inf")]):
        sweep.finish(sweep.plan("equal", ["left"], seed=seed), {"left": value})
    found = cell(grid(sweep), "equal", "left", 1.0)
    assert (found.mean, found.n, found.not_finite) == (1.0, 1, 1)


def test_nothing_finished(make_sweep):
    sweep = make_sweep()
    sweep.plan("equal", ["left", "right"])
    found = grid(sweep)
    assert [c.measure.metric for c in found.columns] == ["", ""]
    assert cell(found, "equal", "left", 1.0).n == 0
    assert found.data_origin.startswith("mnist5k")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            {"data_origin": "MNIST, official files"},
            "share one data origin. Found `MNIST, official files` .1 trials., `mnist5k",
        ),
        ({"data_fingerprint": "beef"}, "share one data fingerprint. Found `beef` .1 trials., `f00d` .1 trials."),
    ],
)
def test_unequal_data_is_refused(make_sweep, override, message):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0})
    sweep.finish(sweep.plan("equal", ["left"], seed=1), {"left": 90.0}, **override)
    with pytest.raises(ResultsError, match=message):
        grid(sweep)


def test_a_trial_that_failed_before_its_data_has_no_origin(make_sweep):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0})
    early = {"state": "failed", "data_origin": "", "data_fingerprint": None, "metric": None, "unit": None}
    sweep.finish(sweep.plan("equal", ["left"], seed=1), {"left": None}, **early)
    found = cell(grid(sweep), "equal", "left", 1.0)
    assert (found.n, found.failed) == (1, 1)
