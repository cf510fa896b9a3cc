"""Figures that compare strategies by their values: the same numbers as the tables, seeds as dots, what is missing said."""

import numpy as np
import pytest
from drawings import BOTH, drawn, legend, panels

from mtlray.analysis import table
from mtlray.analysis.figures import draw
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw
from mtlray.analysis.figures.style import INK, PALETTE
from mtlray.analysis.grid.load import load


def test_fractions_show_the_means_of_the_table_side_by_side(with_curves):
    drawing = drawn(with_curves(), "fractions")
    left, right = panels(drawing)
    assert [left.get_ylabel(), right.get_ylabel()] == ["left accuracy [%] ↑", "right accuracy [%] ↑"]
    means = {c.lines[0].get_color(): c.lines[0].get_ydata().tolist() for c in left.containers}
    assert means[PALETTE[0]] == pytest.approx([95.0, 97.0])  # equal: 90 + 2 + 1 + 4, and 2 less
    places = [c.lines[0].get_xdata()[0] for c in left.containers]
    assert len(set(places)) == len(places)
    dots = next(line for line in left.lines if line.get_color() == PALETTE[0] and line.get_marker() == ".")
    assert sorted(dots.get_ydata()) == [94.0, 95.0, 96.0, 96.0, 97.0, 98.0]
    with pytest.raises(NothingToDraw, match="one data fraction"):
        drawn(with_curves(fractions=(1.0,), name="one"), "fractions")


def test_means_of_different_seeds_are_not_joined(with_curves):
    sweep = with_curves({"equal": BOTH, "dwa": BOTH}, fractions=(1.0, 0.5, 0.25))
    lost = next(t for t in sweep.description["trials"] if (t["strategy"], t["fraction"], t["seed"]) == ("dwa", 0.5, 1))
    sweep.finish(lost, {"left": None, "right": None}, state="diverged")
    drawing = drawn(sweep, "fractions")
    joined = {c.lines[0].get_color(): [] for c in panels(drawing)[0].containers}
    for c in panels(drawing)[0].containers:
        joined[c.lines[0].get_color()].append(len(c.lines[0].get_xdata()))
    assert joined == {PALETTE[0]: [3], PALETTE[1]: [1, 1, 1]}
    assert legend(drawing) == ["equal", "dwa †", "one seed"]
    assert "n = 3 seeds; † dwa 2 of 3 (1 diverged) at 50 %." in drawing.caption


def test_pareto_marks_the_front_the_seeds_and_single_task(with_curves):
    drawing = drawn(with_curves(), "pareto")
    axes = panels(drawing)[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("left accuracy [%] ↑", "right accuracy [%] ↑")
    (single,) = [found for found in axes.lines if found.get_color() == INK and found.get_marker() == "x"]
    assert single.get_xydata().tolist() == [[95.0, 95.0]]
    front = next(found for found in axes.lines if found.get_markersize() == 11)
    assert front.get_xydata().tolist() == [[100.0, 99.0]]  # revised_uncertainty is best on both
    dots = next(found for found in axes.lines if found.get_color() == PALETTE[0] and found.get_marker() == ".")
    assert dots.get_xydata().tolist() == [[96.0, 95.0], [97.0, 96.0], [98.0, 97.0]]
    assert legend(drawing)[0] == SINGLE
    assert legend(drawing)[-2:] == ["one seed", "not dominated"]
    with pytest.raises(NothingToDraw, match="two tasks"):
        drawn(with_curves({"equal": ("left",), "dwa": ("left",)}, name="one"), "pareto")


def test_a_strategy_that_lost_a_seed_is_hollow_and_not_on_the_front(with_curves):
    sweep = with_curves(fractions=(1.0,))
    lost = next(t for t in sweep.description["trials"] if (t["strategy"], t["seed"]) == ("revised_uncertainty", 1))
    sweep.finish(lost, {"left": None, "right": None}, state="diverged")
    drawing = drawn(sweep, "pareto")
    (axes,) = panels(drawing)
    front = next(found for found in axes.lines if found.get_markersize() == 11)
    assert front.get_xydata().tolist() == [[99.0, 98.0]]  # uncertainty
    faces = {found.get_color(): found.get_markerfacecolor() for found in axes.lines if found.get_markersize() == 6.5}
    assert faces[PALETTE[3]] == "#ffffff"
    assert faces[PALETTE[2]] == PALETTE[2]
    assert "Hollow are strategies that lack seeds" in drawing.caption
    assert "revised_uncertainty †" in legend(drawing)


def test_ranks_are_those_of_the_leaderboard(varied):
    results = load(varied.folder)
    rows = {row["strategy"]: row for row in table(results, kind="leaderboard", select="last").to_dict("records")}
    drawing = draw(results, "ranks", select="last")
    (axes,) = panels(drawing)
    names = [label.get_text().removesuffix(" †") for label in axes.get_yticklabels()]
    assert names == sorted(names, key=lambda name: rows[name]["mean_rank"])
    bars = {round(float(b.get_ydata()[0])): tuple(b.get_xdata()) for b in axes.lines if len(b.get_xdata()) == 2}
    marks = {round(float(m.get_ydata()[0])): m for m in axes.lines if m.get_markersize() == 5.5}
    for place, name in enumerate(names):
        assert float(marks[place].get_xdata()[0]) == pytest.approx(rows[name]["mean_rank"])
        assert bars[place] == pytest.approx((rows[name]["rank_low"], rows[name]["rank_high"]))
    assert {name for place, name in enumerate(names) if marks[place].get_markerfacecolor() == "none"} == {
        "uncertainty", "gls"
    }  # fmt: skip
    assert "gls 5 of 6 (1 diverged)" in drawing.caption


def test_dots_are_the_ranks_of_single_seeds(with_curves):
    sweep = with_curves({"equal": BOTH, "dwa": BOTH, "uncertainty": BOTH}, fractions=(1.0,))
    best = next(t for t in sweep.description["trials"] if (t["strategy"], t["seed"]) == ("equal", 2))
    sweep.finish(best, {"left": 99.5, "right": 99.5})
    (axes,) = panels(drawn(sweep, "ranks", select="last"))
    dots = {round(float(d.get_ydata()[0])): sorted(d.get_xdata()) for d in axes.lines if d.get_marker() == "."}
    # uncertainty, equal, dwa: on seeds 0 and 1 equal is last, as 90 + i + s + 4 says; on seed 2 it leads.
    assert dots == {0: [1.0, 1.0, 2.0], 1: [1.0, 3.0, 3.0], 2: [2.0, 2.0, 3.0]}


def test_a_strategy_whose_seeds_are_missing_is_not_ranked_and_named(with_curves):
    sweep = with_curves({"equal": BOTH, "dwa": BOTH, "uncertainty": BOTH}, fractions=(1.0,))
    for trial in sweep.description["trials"][:2]:
        sweep.finish(trial, {"left": None, "right": None}, state="failed")
    drawing = drawn(sweep, "ranks")
    assert drawing.caption.endswith("Not ranked, because seeds are missing or are others than most have: equal.")
    with pytest.raises(NothingToDraw, match="two or more strategies"):
        drawn(with_curves({"equal": BOTH}, name="one"), "ranks")


def test_profiles_are_shares_of_runs_above_a_ratio_to_single_task(with_curves):
    strategies = {"stl:left": ("left",), "stl:right": ("right",), "equal": BOTH}
    drawing = drawn(with_curves(strategies, fractions=(1.0,), n_seeds=2), "profiles")
    (axes,) = panels(drawing)
    curve = next(found for found in axes.lines if found.get_color() == PALETTE[0] and len(found.get_xdata()) > 100)
    # equal scores (96, 97) on left and (95, 96) on right; single-task 94.5 on both in the mean.
    ratios = np.array([96, 97, 95, 96]) / 94.5
    for threshold, share in zip(curve.get_xdata(), curve.get_ydata(), strict=True):
        assert share == pytest.approx((ratios > threshold).mean())
    assert "A run that diverged, failed or is not finite is above no τ." in drawing.caption
    with pytest.raises(NothingToDraw, match="no single-task baseline"):
        drawn(with_curves({"equal": BOTH}, name="none"), "profiles")
