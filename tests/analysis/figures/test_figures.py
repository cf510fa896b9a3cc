"""Figures by their structure: what is drawn where, from which numbers, in which words. Bytes are compared for equality alone."""

import io

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from mtlray.analysis.figures import FIGURES, draw, figure, save
from mtlray.analysis.figures.files import encode
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw, scene
from mtlray.analysis.figures.style import INK, MOST, PALETTE
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.selection import rule
from mtlray.errors import ResultsError, SpecError

DATASET = "multi_mnist-left-right"
BOTH = ("left", "right")
MANY = {"stl:left": ("left",), "stl:right": ("right",)} | {f"method_{i}": BOTH for i in range(12)}


def drawn(sweep, name, dataset=DATASET, select="best_val"):
    return figure(name, scene(load(sweep.folder), rule(select), dataset))


def panels(drawing):
    return drawing.figure.axes


def legend(drawing):
    return [text.get_text() for part in drawing.figure.legends for text in part.get_texts()]


def line(axes, color):
    (found,) = [found for found in axes.lines if found.get_color() == color]
    return found


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
    band = panels(drawing)[0].collections[list(legend(drawing)).index("equal")].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(92.5)
    assert band[:, 1].max() == pytest.approx(98.0)
    assert [p.get_xlabel() for p in panels(drawing)] == ["", "", "step", "step"]
    assert legend(drawing) == [SINGLE, "equal", "dwa", "uncertainty", "revised_uncertainty"]


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
    for p in panels(drawing):  # a band that reaches zero does not stretch the axis
        smallest = min(min(line.get_ydata()) for line in p.lines)
        assert p.get_ylim()[0] == pytest.approx(smallest / 2)
    narrow = drawn(with_curves({"equal": BOTH, "dwa": BOTH}, name="narrow"), "weights")
    assert {p.get_yscale() for p in panels(narrow)} == {"linear"}


def test_scale_shows_the_sum_of_weights_and_the_gradient_norm(with_curves):
    drawing = drawn(with_curves(), "scale")
    labels = [p.get_ylabel() for p in panels(drawing)]
    assert labels == ["sum of weights"] * 2 + ["norm of the trunk's gradient"] * 2
    np.testing.assert_allclose(line(panels(drawing)[2], PALETTE[0]).get_ydata(), 2.0)  # 1 + (0, 1, 2)


def test_cosine_is_drawn_where_it_was_recorded(with_curves):
    sweep = with_curves()
    with pytest.raises(NothingToDraw, match="was not recorded"):
        drawn(sweep, "cosine")
    trial = sweep.description["trials"][-1]
    rows = [sweep.curve_row(trial, 5, 2, 0.25, e) | {"gradient/cosine": e / 8} for e in range(1, 9)]
    sweep.finish(trial, {"left": 97.0, "right": 97.0}, curve_rows=rows)
    (axes,) = panels(drawn(sweep, "cosine"))
    np.testing.assert_allclose(line(axes, PALETTE[3]).get_ydata(), np.arange(1, 9) / 8)


def test_fractions_show_the_means_of_the_table_side_by_side(with_curves):
    drawing = drawn(with_curves(), "fractions")
    left, right = panels(drawing)
    assert [left.get_ylabel(), right.get_ylabel()] == ["left accuracy [%] ↑", "right accuracy [%] ↑"]
    means = {c.lines[0].get_color(): c.lines[0].get_ydata().tolist() for c in left.containers}
    assert means[PALETTE[0]] == pytest.approx([95.0, 97.0])  # equal: 90 + 2 + 1 + 4, and 2 less
    places = [c.lines[0].get_xdata()[0] for c in left.containers]
    assert len(set(places)) == len(places)
    with pytest.raises(NothingToDraw, match="one data fraction"):
        drawn(with_curves(fractions=(1.0,), name="one"), "fractions")


def test_pareto_marks_the_front_and_the_single_task_means(with_curves):
    drawing = drawn(with_curves(), "pareto")
    axes = panels(drawing)[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("left accuracy [%] ↑", "right accuracy [%] ↑")
    single = [found for found in axes.lines if found.get_color() == INK]
    assert sorted(float(np.ravel(found.get_data()[i])[0]) for i, found in enumerate(single)) == [95.0, 95.0]
    front = next(found for found in axes.lines if found.get_markersize() == 13)
    assert front.get_xydata().tolist() == [[100.0, 99.0]]  # revised_uncertainty is best on both
    with pytest.raises(NothingToDraw, match="two tasks"):
        drawn(with_curves({"equal": ("left",), "dwa": ("left",)}, name="one"), "pareto")


def test_of_many_strategies_the_best_bear_colour_and_the_others_are_counted(with_curves):
    part = scene(load(with_curves(MANY, n_seeds=1).folder), rule("best_val"), DATASET)
    best = [f"method_{i}" for i in range(6, 12)]
    assert list(part.prominent) == [SINGLE, *best]
    assert len(part.prominent) == MOST
    assert legend(figure("learning", part)) == [SINGLE, *best, "6 others"]


def test_two_single_task_strategies_of_one_task_keep_their_names(with_curves):
    sweep = with_curves({"stl:left": ("left",), "stl:left(x)": ("left",), "equal": BOTH})
    part = scene(load(sweep.folder), rule("best_val"), DATASET)
    assert list(part.series.values()) == ["stl:left", "stl:left(x)", "equal"]


def test_names_are_shown_as_they_are(with_curves):
    part = scene(load(with_curves({"_a$b$": BOTH, "equal": BOTH}).folder), rule("best_val"), DATASET)
    drawing = figure("learning", part)
    assert [text.strip() for text in legend(drawing)] == ["_a$b$", "equal"]
    assert b"_a$b$" in encode(drawing.figure, "svg", text_as_paths=False)


@pytest.mark.parametrize("format", ["png", "pdf", "svg"])
def test_drawing_again_gives_the_same_bytes(with_curves, format):
    sweep = with_curves({"equal": BOTH, "dwa": BOTH}, n_seeds=1)
    first, second = (encode(drawn(sweep, "learning").figure, format) for _ in range(2))
    assert first == second
    assert first[:4] in (b"\x89PNG", b"%PDF", b"<?xm")


def test_saved_files_are_named_and_what_cannot_be_drawn_is_told(with_curves, tmp_path):
    sweep = with_curves({"equal": BOTH}, n_seeds=1, fractions=(1.0,))
    lines = save(load(sweep.folder), tmp_path / "figures", names=["learning", "cosine", "fractions"], formats=["svg"])
    assert lines[0] == str(tmp_path / "figures" / f"{DATASET}.learning.svg")
    assert lines[1:] == [
        f"no figure {DATASET}.cosine: the cosine of the tasks' gradients was not recorded",
        f"no figure {DATASET}.fractions: the sweep has one data fraction",
    ]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == [f"{DATASET}.learning.svg"]


def test_unknown_names_are_refused_with_the_valid_ones(with_curves, tmp_path):
    results = load(with_curves({"equal": BOTH}, n_seeds=1).folder)
    with pytest.raises(SpecError, match="Did you mean `learning`"):
        save(results, tmp_path / "out", names=["learnin"])
    with pytest.raises(SpecError, match="Valid names: pdf, png, svg"):
        save(results, tmp_path / "out", formats=["tiff"])
    assert not (tmp_path / "out").exists()


def test_without_a_finished_trial_every_figure_says_why_there_is_none(make_sweep):
    sweep = make_sweep()
    sweep.plan("equal", BOTH)
    part = scene(load(sweep.folder), rule("best_val"), DATASET)
    for kind in FIGURES:
        with pytest.raises(NothingToDraw):
            figure(kind.name, part)


def test_data_of_two_origins_is_not_drawn(with_curves):
    sweep = with_curves({"equal": BOTH})
    trial = sweep.description["trials"][0]
    sweep.finish(trial, {"left": 97.0, "right": 97.0}, data_origin="elsewhere")
    with pytest.raises(ResultsError, match="one data origin"):
        drawn(sweep, "learning")


def test_ranks_are_means_over_cells_and_seeds_with_nemenyis_critical_difference(with_curves):
    drawing = drawn(with_curves({"equal": BOTH, "dwa": BOTH, "uncertainty": BOTH}), "ranks")
    (axes,) = panels(drawing)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["uncertainty", "dwa", "equal"]
    points = [found for found in axes.lines if len(found.get_xdata()) == 1]
    assert [float(found.get_xdata()[0]) for found in points] == [1.0, 2.0, 3.0]
    # Demšar 2006, table 5: q(0.05) is 2.343 for 3 classifiers; three seeds are three blocks.
    bars = [found for found in axes.lines if len(found.get_xdata()) == 2]
    length = float(np.ptp(bars[0].get_xdata()))
    assert length == pytest.approx(2.343 * np.sqrt(3 * 4 / (6 * 3)), rel=1e-3)
    assert f"({length:.2f}) long" in drawing.caption


def test_a_strategy_without_a_complete_seed_is_not_ranked_and_named(with_curves):
    sweep = with_curves({"equal": BOTH, "dwa": BOTH, "uncertainty": BOTH}, fractions=(1.0,))
    for trial in sweep.description["trials"][:3]:
        sweep.finish(trial, {"left": 1.0, "right": 1.0}, state="diverged")
    drawing = drawn(sweep, "ranks")
    assert drawing.caption.endswith("Left out because no seed is complete: equal.")
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
    with pytest.raises(NothingToDraw, match="no single-task baseline"):
        drawn(with_curves({"equal": BOTH}, name="none"), "profiles")


def test_embeddings_are_a_row_for_each_trial_and_a_column_for_each_step(with_curves):
    sweep = with_curves({"equal": BOTH, "stl:right": ("right",)}, fractions=(1.0,), n_seeds=1)
    for trial in sweep.description["trials"]:
        rows = [
            {"trial_id": trial["trial_id"], "strategy": trial["strategy"], "fraction": 1.0, "seed": 0, "step": step}
            | {"epoch": step / 100, "x": float(x), "y": -float(x), "label/left": x % 2, "label/right": x % 3}
            for step in (100, 800)
            for x in range(6)
        ]
        buffer = io.BytesIO()
        pd.DataFrame(rows).to_parquet(buffer)
        sweep.ledger.store.write(f"embeddings/{DATASET}/{trial['trial_id']}.parquet", buffer.getvalue())
    drawing = drawn(sweep, "embedding")
    assert [p.get_title() for p in panels(drawing)] == ["step 100, epoch 1", "step 800, epoch 8"] * 2
    assert [len(p.collections) for p in panels(drawing)] == [2, 2, 3, 3]  # classes of left, then of right
    assert panels(drawing)[2].get_ylabel() == "stl:right\n100 % of the data, seed 0\nclasses of right"
    assert "class for the task beside its row" in drawing.caption


@pytest.mark.parametrize("kind", FIGURES, ids=lambda kind: kind.name)
def test_without_a_finished_trial_nothing_is_drawn(make_sweep, kind):
    sweep = make_sweep()
    for strategy in ("equal", "dwa"):
        sweep.plan(strategy, ["left", "right"])
    with pytest.raises(NothingToDraw):
        draw(load(sweep.folder), kind.name)


def test_a_figure_for_a_notebook(complete):
    drawing = draw(load(complete.folder), "fractions", dataset="multi_mnist-left-right", select="last")
    assert "under the rule last" in drawing.caption
    assert len(drawing.figure.axes) == 2
    with pytest.raises(SpecError, match="There is no data set `mnist`"):
        draw(load(complete.folder), "fractions", dataset="mnist")


def test_settings_of_a_person_change_no_figure(complete):
    plain = encode(draw(load(complete.folder), "fractions").figure, "svg")
    with mpl.rc_context({"text.usetex": True, "lines.linestyle": ":", "font.size": 30}):
        assert encode(draw(load(complete.folder), "fractions").figure, "svg") == plain
        assert mpl.rcParams["text.usetex"]
