"""What a table may claim, on seven folders whose right answer is known, and on noise."""

import numpy as np
import pyarrow as pa
import pytest
import simulations
from fabricated import DATASET, TASKS, joint_sweep

from mtlray.analysis import Source, TableOptions, compare, render_table, table
from mtlray.results.ledger import SUMMARY

STL = {"stl:left": ("left",), "stl:right": ("right",)}


@pytest.fixture
def build(make_sweep):
    """A sweep of made-up values: `build({strategy: [(left, right), ...] by seed}, **columns)`; None for a seed that diverged."""

    def build(strategies, *, seeds=None, about=lambda strategy, seed: {}, **columns):
        sweep, rows = make_sweep(published=None), []
        for strategy, values in strategies.items():
            tasks = STL.get(strategy, TASKS)
            for place, pair in enumerate(values):
                seed = (seeds or {}).get(strategy, range(len(values)))[place]
                trial = sweep.plan(strategy, tasks, seed=seed, write=False)
                state = {} if pair is not None else {"state": "diverged", "error": "non-finite loss at step 3"}
                of_tasks = dict(zip(TASKS, pair or (None, None), strict=True))
                rows += sweep.rows(trial, {t: of_tasks[t] for t in tasks}, **state, **columns, **about(strategy, seed))
        sweep.ledger.write_sweep(sweep.description)
        sweep.ledger.commit("compact-0-0", DATASET, None, pa.Table.from_pylist(rows, schema=SUMMARY))
        return sweep

    return build


def noisy(level: float, seed: int, n: int = 10, spread: float = 0.3, right: float | None = None):
    rng = np.random.default_rng(seed)
    levels = (level, level if right is None else right)
    return [tuple(x + rng.normal(0, spread) for x in levels) for _ in range(n)]


def leaders(sweep, **options):
    return table(sweep.folder, kind="leaderboard", **options).set_index("strategy")


def marked(sweep, mark):
    cells = table(sweep.folder)
    return {(row.strategy, row.task) for row in cells.itertuples() if getattr(row, mark)}


def test_1_a_trial_that_trades_tasks_does_not_lead(tmp_path):
    frame = table(joint_sweep(tmp_path / "results").folder, kind="leaderboard")
    first = frame[frame["fraction"].isna()].sort_values("mean_rank")["strategy"].iloc[0]
    assert first == "holds"


@pytest.mark.parametrize("higher", [True, False])
def test_2_a_negative_metric_keeps_its_direction(build, higher):
    better, worse = (-90.0, -110.0) if higher else (-110.0, -90.0)
    levels = {"stl:left": -100.0, "stl:right": -100.0, "good": better, "bad": worse}
    sweep = build(
        {name: noisy(level, i) for i, (name, level) in enumerate(levels.items())},
        metric="log_likelihood",
        unit="1",
        higher_is_better=higher,
    )
    found = leaders(sweep)
    assert found.loc["good", "delta_m_task"] == pytest.approx(10, abs=0.5)
    assert found.loc["bad", "delta_m_task"] == pytest.approx(-10, abs=0.5)
    assert found["mean_rank"].to_dict() == {"good": 1, "single-task": 2, "bad": 3}
    assert marked(sweep, "better") == {("good", "left"), ("good", "right")}
    assert marked(sweep, "best") == {("good", "left"), ("good", "right")}


def test_3_a_baseline_near_zero_has_no_relative_gain(build):
    sweep = build(
        {
            "stl:left": noisy(0.01, 1, spread=0.1),
            "stl:right": noisy(5.0, 2, spread=0.1),
            "equal": noisy(1.0, 3, spread=0.1),
        },
        metric="mse",
        unit="1",
        higher_is_better=False,
    )
    assert leaders(sweep)["delta_m_task"].isna().all()
    words = " ".join(render_table(sweep.folder, TableOptions(kind="leaderboard")).split())
    assert (
        "No Δm over columns in which single-task is too near zero to divide by, or changes sign: left, mse ↓" in words
    )


def test_4_survivors_are_not_called_better(build):
    lucky = noisy(99.0, 4)
    sweep = build(
        {
            "stl:left": noisy(90.0, 1),
            "stl:right": noisy(90.0, 2),
            "equal": noisy(91.0, 3),
            "wild": [*lucky[:6], *[None] * 4],
        }
    )
    assert marked(sweep, "better") == {("equal", "left"), ("equal", "right")}
    assert not {mark for mark in marked(sweep, "best") if mark[0] == "wild"}
    found = leaders(sweep)
    wild = found.loc["wild"]
    assert (wild["n"], wild["expected"], wild["lost"], wild["mean_rank"]) == (6, 10, 4, 3)
    assert (wild["better"], wild["among_best"]) == (0, 0)
    assert np.isnan(wild["delta_m_task"])
    rows = compare(sweep.folder, baseline="single-task").set_index(["strategy", "task"])
    assert rows.loc[("wild", "left"), "difference"] > 8
    assert np.isnan(rows.loc[("wild", "left"), "p_t"])
    for kind in ("cells", "leaderboard", "compare"):
        words = " ".join(render_table(sweep.folder, TableOptions(kind=kind)).split())
        assert "Lost seeds: wild. Nothing is marked or tested where a seed was lost" in words
        assert "6/10" in words


def test_5_numbers_that_print_alike_rank_alike(build):
    """Means of 90.001 and 90.004 print as 90.00: one rank, one win each, both on the front."""
    values = {"a": 90.001, "b": 90.004, "c": 89.0}
    sweep = build({name: [(value, value)] * 3 for name, value in values.items()})
    found = leaders(sweep)
    assert found["mean_rank"].to_dict() == {"a": 1.5, "b": 1.5, "c": 3}
    assert found["wins"].to_dict() == {"a": 2, "b": 2, "c": 0}
    assert found["pareto"].to_dict() == {"a": 1, "b": 1, "c": 0}


def test_5_all_means_of_a_cell_are_one_number(build):
    sweep = build({"a": [(0.1, 90.1)] * 3, "b": [(0.1, 90.2)] * 3}, unit="1")
    cells = table(sweep.folder).set_index(["strategy", "task"])["mean"]
    assert cells["a", "left"] == cells["b", "left"]
    assert leaders(sweep)["mean_rank"].to_dict() == {"a": 1.75, "b": 1.25}


def test_6_one_seed_beside_ten_is_compared_on_common_seeds_or_not_at_all(build):
    singles = {"stl:left": noisy(90.0, 1), "stl:right": noisy(90.0, 2)}
    sweep = build({**singles, "equal": noisy(91.0, 3), "lucky": [(99.0, 99.0)], "three": noisy(95.0, 5, n=3)})
    found = leaders(sweep)
    assert found.loc[["equal", "single-task"], "mean_rank"].to_dict() == {"equal": 1, "single-task": 2}
    assert found.loc[["lucky", "three"], ["mean_rank", "rank_low"]].isna().all(axis=None)
    assert {name for name, _ in marked(sweep, "best")} == {"equal"}
    rows = compare(sweep.folder, baseline="single-task").set_index(["strategy", "task"])["n"]
    assert (rows["lucky", "left"], rows["three", "left"], rows["equal", "left"]) == (1, 3, 10)
    words = " ".join(render_table(sweep.folder, TableOptions(kind="leaderboard")).split())
    assert "On other seeds than most, and so neither ranked nor marked as best: lucky, three." in words


def test_6_other_seeds_have_nothing_in_common(build):
    singles = {"stl:left": noisy(90.0, 1, n=5), "stl:right": noisy(90.0, 2, n=5)}
    sweep = build(
        {**singles, "equal": noisy(91.0, 3, n=5), "elsewhere": noisy(95.0, 4, n=5)}, seeds={"elsewhere": range(10, 15)}
    )
    rows = compare(sweep.folder, baseline="single-task").set_index(["strategy", "task"])
    assert rows.loc[("elsewhere", "left"), "n"] == 0
    assert np.isnan(leaders(sweep).loc["elsewhere", "delta_m_task"])


def test_7_mixed_circumstances_are_said_in_the_head(build):
    def about(strategy, seed):
        old = seed == 0
        return {
            "device": "A100" if old else "H100",
            "kernel": "torch" if old else "fused",
            "steps": 100 if old else 2000,
            "versions": f'{{"mtlray": "{"0.1" if old else "0.2"}", "torch": "2.8"}}',
        }

    sweep = build({"equal": noisy(90.0, 1, n=3), "dwa": noisy(90.0, 2, n=3)}, about=about)
    expected = (
        "device: H100 (4 trials), A100 (2 trials); kernel: fused (4 trials), torch (2 trials); steps: 2,000 (4 trials), "
        "100 (2 trials); mtlray version: 0.2 (4 trials), 0.1 (2 trials)"
    )
    for kind in ("cells", "leaderboard", "cost"):
        assert f"differs {expected}" in " ".join(render_table(sweep.folder, TableOptions(kind=kind)).split())


def test_like_circumstances_take_no_line(build):
    sweep = build({"equal": noisy(90.0, 1, n=3)}, versions="{}", kernel="fused")
    assert "differs" not in render_table(sweep.folder)


def test_nothing_at_chance_is_marked_and_chance_stands_in_the_table(build):
    singles = {"stl:left": noisy(5.0, 1), "stl:right": noisy(90.0, 2)}
    sweep = build({**singles, "guesses": noisy(10.0, 3, right=95.0), "equal": noisy(5.0, 4, right=90.0)}, trivial=10.0)
    assert marked(sweep, "better") == {("guesses", "right")}
    assert marked(sweep, "best") == {("guesses", "right")}
    rendered = render_table(sweep.folder)
    assert ["best", "constant", "10.00", "10.00"] in [line.split() for line in rendered.splitlines()]
    words = " ".join(render_table(sweep.folder, TableOptions(kind="compare", baseline="single-task")).split())
    assert (
        "Not told from the best constant prediction in some section, and never better there: guesses, equal." in words
    )


def test_the_head_says_what_marks_are_corrected_for(build):
    singles = {"stl:left": noisy(90.0, 1), "stl:right": noisy(90.0, 2)}
    sweep = build({**singles, **{f"s{i}": noisy(90.0, 3 + i) for i in range(4)}})
    words = " ".join(render_table(sweep.folder).split())
    assert "at 5 % after Holm's correction for 8 comparisons" in words
    power = f"with 10 pairs of seeds and this correction a difference of {simulations.detectable(10, 0.05 / 8):.3g} standard"
    assert power in words
    assert "each strategy against 8 others by paired t-tests" in words
    fewer = [trial for trial in sweep.description["trials"] if trial["strategy"] not in ("s2", "s3")]
    words = " ".join(render_table(Source(sweep.folder, fewer)).split())
    assert "at 5 % after Holm's correction for 4 comparisons" in words


def test_tasks_weigh_alike_in_ranks(varied):
    """seg has one metric and depth two: a strategy that is first in seg and last in both of depth is in the middle."""
    found = table(varied.folder, kind="leaderboard").set_index("strategy")
    assert found.loc["dwa", "mean_rank"] == (3 + (2 + 2) / 2) / 2
    assert found.loc["single-task", "mean_rank"] == (2 + (3 + 3) / 2) / 2


@pytest.mark.parametrize(("strategies", "n"), [(5, 3), (5, 10), (40, 10)])
def test_few_tables_of_identical_strategies_bear_a_mark(strategies, n):
    tables = 400 if strategies == 5 else 100
    better, best = simulations.false_marks(strategies, n, tables, np.random.default_rng(strategies + n))
    most = 0.05 + 3 * (0.05 * 0.95 / tables) ** 0.5
    assert better <= most
    assert best <= most


def test_a_difference_that_the_head_names_is_found_four_times_in_five():
    bar = simulations.detectable(10, 0.05 / 20)
    found = simulations.power(5, 10, 100, np.random.default_rng(6), bar)
    assert 0.75 <= found <= 0.95  # Holm finds a little more than its first step
