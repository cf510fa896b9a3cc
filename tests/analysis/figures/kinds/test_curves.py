"""Figures of curves: what is drawn where, from which numbers, in which words."""

import matplotlib.colors as mcolors
import numpy as np
import pytest
from drawings import BOTH, drawn, legend, line, panels

from mtlray.analysis.figures.kinds.backwards import passes
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw
from mtlray.analysis.figures.style import INK, PALETTE


def test_learning_curves_are_means_over_seeds_with_a_band_of_one_standard_deviation(with_curves):
    drawing = drawn(with_curves(), "learning")
    assert [(p.get_ylabel(), p.get_title(loc="left")) for p in panels(drawing)] == [
        ("left accuracy [%] ↑", "100 % of the data"),
        ("left accuracy [%] ↑", "25 % of the data"),
        ("right accuracy [%] ↑", "100 % of the data"),
        ("right accuracy [%] ↑", "25 % of the data"),
    ]
    # equal is the third strategy: 90 + 2 + (0, 1, 2) + 0.5 e, whose standard deviation is 1.
    equal = line(panels(drawing)[0], PALETTE[0])
    assert equal.get_xdata().tolist() == [100 * e for e in range(1, 9)]
    np.testing.assert_allclose(equal.get_ydata(), [93 + 0.5 * e for e in range(1, 9)])
    band = bands(panels(drawing)[0])["equal"].vertices
    assert band[:, 1].min() == pytest.approx(92.5)
    assert band[:, 1].max() == pytest.approx(98.0)
    assert [p.get_xlabel() for p in panels(drawing)] == ["", "", "step", "step"]
    assert legend(drawing) == [SINGLE, "equal", "dwa", "uncertainty", "revised_uncertainty"]
    assert "Line: mean over seeds; band: ± one standard deviation (ddof 1). n = 3 seeds." in drawing.caption


def bands(axes):
    """The outline of each band, by the series whose colour it has."""
    names = dict(zip((*map(mcolors.to_rgb, (INK, *PALETTE)),), (SINGLE, "equal", "dwa", "uncertainty"), strict=False))
    return {names.get(tuple(c.get_facecolor()[0][:3])): c.get_paths()[0] for c in axes.collections}


def test_the_early_part_of_training_does_not_decide_the_vertical_axis(with_curves):
    low, high = panels(drawn(with_curves(), "learning"))[0].get_ylim()
    # From step 200 of 800 on the lowest band is stl:left's, 90 + 0 + (0, 1, 2) + 1 ± 1, and the highest that of the last
    # strategy, 90 + 5 + (0, 1, 2) + 4 ± 1. At step 100 the lowest would be 90.5.
    assert (low, high) == pytest.approx((91 - 0.04 * 10, 101 + 0.04 * 10))


def test_only_trials_that_are_done_are_in_a_mean(with_curves):
    sweep = with_curves()
    before = line(panels(drawn(sweep, "learning"))[0], PALETTE[0]).get_ydata()
    trial = next(
        t for t in sweep.description["trials"] if (t["strategy"], t["fraction"], t["seed"]) == ("equal", 1.0, 2)
    )
    rows = [{"trial_id": trial["trial_id"], "step": 100, "test/left/accuracy": 1000.0}]
    sweep.finish(trial, {"left": None, "right": None}, state="diverged", curve_rows=rows)
    after = line(panels(drawn(sweep, "learning"))[0], PALETTE[0]).get_ydata()
    np.testing.assert_allclose(after, before - 0.5)  # seeds 0 and 1 of (0, 1, 2)


def test_weights_leave_single_task_out_and_turn_logarithmic_where_they_are_wide(with_curves):
    drawing = drawn(with_curves(), "weights")
    assert SINGLE not in legend(drawing)
    equal = line(panels(drawing)[0], PALETTE[0])
    np.testing.assert_allclose(equal.get_ydata(), [2 ** (2 * e / 8) for e in range(1, 9)])
    assert {p.get_yscale() for p in panels(drawing)} == {"log"}  # 2^(5/8·…) up to 32, from 1.2
    assert "Line: geometric mean over seeds." in drawing.caption  # seeds are alike, so there is no band
    narrow = drawn(with_curves({"equal": BOTH, "dwa": BOTH}, name="narrow"), "weights")
    assert {p.get_yscale() for p in panels(narrow)} == {"linear"}


def test_scale_shows_the_sum_of_weights_and_the_gradient_norm(with_curves):
    drawing = drawn(with_curves(), "scale")
    labels = [p.get_ylabel() for p in panels(drawing)]
    assert labels == ["sum of weights"] * 2 + ["norm of the trunk's gradient"] * 2
    np.testing.assert_allclose(line(panels(drawing)[2], PALETTE[0]).get_ydata(), 2.0)  # 1 + (0, 1, 2)


@pytest.mark.parametrize(
    ("kind", "column"), [("conflicts", "conflict_rate"), ("magnitudes", "magnitude_similarity"), ("cosine", "cosine")]
)
def test_diagnostics_are_drawn_where_they_were_recorded(with_curves, kind, column):
    sweep = with_curves()
    with pytest.raises(NothingToDraw, match="not recorded; give the sweep `gradient_diagnostics=True`"):
        drawn(sweep, kind)
    trial = sweep.description["trials"][-1]
    rows = [sweep.curve_row(trial, 5, 2, 0.25, e) | {f"gradient/{column}": e / 8} for e in range(1, 9)]
    sweep.finish(trial, {"left": 97.0, "right": 97.0}, curve_rows=rows)
    (axes,) = panels(drawn(sweep, kind))
    np.testing.assert_allclose(line(axes, PALETTE[3]).get_ydata(), np.arange(1, 9) / 8)


def test_on_a_logarithmic_axis_the_line_is_a_geometric_mean_and_the_band_a_factor(with_curves):
    sweep = with_curves({"equal": BOTH, "dwa": BOTH}, fractions=(1.0,), n_seeds=2)
    for trial in sweep.description["trials"][:2]:  # equal, whose weights are 0.01 and 100 at all steps
        weight = 100.0 if trial["seed"] else 0.01
        rows = [sweep.curve_row(trial, 0, 0, 1.0, e) | {"weight/left": weight} for e in range(1, 9)]
        sweep.finish(trial, {"left": 97.0, "right": 97.0}, curve_rows=rows)
    drawing = drawn(sweep, "weights")
    axes = panels(drawing)[0]
    assert axes.get_yscale() == "log"
    assert "geometric mean over seeds; band: × and ÷ one geometric standard deviation" in drawing.caption
    np.testing.assert_allclose(line(axes, PALETTE[0]).get_ydata(), 1.0)
    factor = np.exp(np.log(1e4) / 2**0.5)  # the deviation, ddof 1, of two numbers is their difference over √2
    outline = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert (outline.min(), outline.max()) == pytest.approx((1 / factor, factor))


def test_evaluations_that_not_all_seeds_have_are_left_out(with_curves):
    sweep = with_curves({"equal": BOTH, "dwa": BOTH}, fractions=(1.0,), n_seeds=2)
    trial = sweep.description["trials"][0]
    sweep.finish(
        trial, {"left": 97.0, "right": 97.0}, curve_rows=[sweep.curve_row(trial, 0, 0, 1.0, e) for e in (2, 4)]
    )
    axes = panels(drawn(sweep, "learning"))[0]
    assert line(axes, PALETTE[0]).get_xdata().tolist() == [200, 400]


def test_a_far_strategy_is_named_at_the_edge_and_does_not_squeeze_the_others(with_curves):
    sweep = with_curves(fractions=(1.0,))
    for trial in sweep.description["trials"][-3:]:
        rows = [sweep.curve_row(trial, -80, trial["seed"], 1.0, e) for e in range(1, 9)]
        sweep.finish(trial, {"left": 15.0, "right": 14.0}, curve_rows=rows)
    drawing = drawn(sweep, "learning")
    axes = panels(drawing)[0]
    assert axes.get_ylim()[0] > 85
    assert [text.get_text() for text in axes.texts] == ["below:\nrevised_uncertainty 15"]  # 90 − 80 + 1 + 4
    assert drawing.caption.endswith("Strategies beyond an axis are named at its edge, with their last value.")


def costly(sweep, passes, seconds):
    """The same sweep, whose trials took so many seconds a strategy, and whose second half of steps was three times slower."""
    for trial in sweep.description["trials"]:
        rows = [
            sweep.curve_row(trial, 1, trial["seed"], 1.0, e) | {"train_samples_per_second": 300.0 if e <= 4 else 100.0}
            for e in range(1, 9)
        ]
        about = {"backward_passes": passes[trial["strategy"]], "seconds": seconds[trial["strategy"]], "pack_size": 2}
        sweep.finish(trial, {"left": 97.0, "right": 97.0}, curve_rows=rows, **about)
    return sweep


def test_curves_by_time_end_at_the_seconds_of_the_cost_table(with_curves):
    sweep = costly(
        with_curves({"equal": BOTH, "dwa": BOTH}, fractions=(1.0,), n_seeds=2),
        {"equal": "1", "dwa": "K"}, {"equal": 320.0, "dwa": 160.0},
    )  # fmt: skip
    axes = panels(drawn(sweep, "time"))[-1]
    assert axes.get_xlabel() == "seconds of training"
    # A trial's share of its pack of two is 160 s: four intervals of 10 s and four of 30 s.
    np.testing.assert_allclose(line(axes, PALETTE[0]).get_xdata(), [10, 20, 30, 40, 70, 100, 130, 160])
    assert line(axes, PALETTE[1]).get_xdata()[-1] == pytest.approx(80)


def test_curves_by_backward_passes_count_those_of_a_step(with_curves):
    sweep = costly(
        with_curves({"equal": BOTH, "dwa": BOTH}, fractions=(1.0,), n_seeds=2),
        {"equal": "1 + K heads", "dwa": "3K"}, {"equal": 1.0, "dwa": 1.0},
    )  # fmt: skip
    axes = panels(drawn(sweep, "backwards"))[-1]
    assert line(axes, PALETTE[0]).get_xdata()[-1] == 800
    assert line(axes, PALETTE[1]).get_xdata()[-1] == 4800
    with pytest.raises(NothingToDraw, match="how many backward passes"):
        drawn(with_curves({"equal": BOTH}, name="old"), "backwards")


@pytest.mark.parametrize(
    ("words", "n"), [("1", 1), ("K", 3), ("3K", 9), ("1 + K", 4), ("1 + K heads", 1), ("1 + 1 fwd", 1), (None, np.nan)]
)
def test_passes_in_words(words, n):
    assert passes(words, 3) == pytest.approx(n, nan_ok=True)
