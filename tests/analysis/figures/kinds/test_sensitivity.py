"""Sensitivity: a point for each learning rate, the chosen one ringed, what diverged said, and only the same seeds joined."""

import numpy as np
import pytest
from drawings import BOTH, legend, panels

from mtlray.analysis.figures import draw
from mtlray.analysis.figures.scene import NothingToDraw
from mtlray.analysis.figures.style import PALETTE
from mtlray.analysis.grid.load import load

RATES = (0.01, 0.1, 1.0)
VALUES = {"equal": (90.0, 94.0, 92.0), "dwa": (95.0, 93.0, None)}


@pytest.fixture
def sweep(make_sweep):
    """Two strategies at three rates with two seeds, 0.5 above and below VALUES; dwa diverges at the largest."""
    sweep = make_sweep(published=None)
    for strategy, of_rates in VALUES.items():
        for rate, value in zip(RATES, of_rates, strict=True):
            for seed in range(2):
                setting = {"optimizer": "sgd(momentum=0.9)", "learning_rate": rate}
                trial = sweep.plan(strategy, BOTH, seed=seed, **setting)
                own = None if value is None else value + seed - 0.5
                about = {"state": "diverged"} if own is None else {"joint_val_score": own / 100}
                sweep.finish(trial, {"left": own, "right": own}, **setting, **about)
    return sweep


def points(axes, color, size):
    """The places of the marks of a colour and size."""
    found = [line for line in axes.lines if line.get_color() == color and line.get_markersize() == size]
    return [tuple(place) for line in found for place in line.get_xydata() if line.get_marker() not in ("None", "x")]


def test_points_are_means_at_each_rate_and_rings_mark_the_chosen(sweep):
    drawing = draw(load(sweep.folder), "sensitivity", select="last")
    left, right = panels(drawing)
    assert left.get_ylabel() == "left accuracy [%] ↑"
    assert right.get_xlabel() == "learning rate"
    assert points(left, PALETTE[0], 4.5) == [(0.01, 90.0), (0.1, 94.0), (1.0, 92.0)]
    assert points(left, PALETTE[1], 4.5) == [(0.01, 95.0), (0.1, 93.0)]
    assert points(left, PALETTE[0], 10) == [(0.1, 94.0)]
    assert points(left, PALETTE[1], 10) == [(0.01, 95.0)]
    dots = np.array(points(left, PALETTE[0], 3))
    assert sorted(dots[:, 1]) == [89.5, 90.5, 91.5, 92.5, 93.5, 94.5]
    (gone,) = [line for line in left.lines if line.get_marker() == "x"]
    assert (gone.get_color(), gone.get_xdata()[0]) == (PALETTE[1], 1.0)
    assert legend(drawing) == ["equal", "dwa", "one seed", "chosen"]
    assert "means over n = 2 seeds" in drawing.caption
    assert "× at the lower edge: all diverged" in drawing.caption


def test_rates_on_other_seeds_are_not_joined(sweep):
    lost = next(
        t for t in sweep.description["trials"] if (t["strategy"], t["learning_rate"], t["seed"]) == ("equal", 0.1, 0)
    )
    sweep.ledger.forget([lost["trial_id"]])
    left = panels(draw(load(sweep.folder), "sensitivity", select="last"))[0]
    joins = [line.get_xdata() for line in left.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"]
    assert [list(x) for x in joins] == [[0.01, 0.1]]  # dwa's
    faces = {line.get_xdata()[0]: line.get_markerfacecolor() for line in left.lines
             if line.get_color() == PALETTE[0] and line.get_markersize() == 4.5}  # fmt: skip
    assert faces == {0.01: PALETTE[0], 0.1: "#ffffff", 1.0: PALETTE[0]}


def test_tuning_seeds_alone_are_shown_where_they_chose(sweep):
    sweep.description["tuning_seeds"] = [1]
    sweep.ledger.write_sweep(sweep.description)
    drawing = draw(load(sweep.folder), "sensitivity", select="last")
    assert points(panels(drawing)[0], PALETTE[0], 4.5) == [(0.01, 90.5), (0.1, 94.5), (1.0, 92.5)]
    assert "Seeds are 1, which chose." in drawing.caption


def test_with_one_rate_there_is_nothing_to_draw(complete):
    with pytest.raises(NothingToDraw, match="one learning rate"):
        draw(load(complete.folder), "sensitivity")
