"""Figures by their structure: what is drawn where, from which numbers, in which words. Bytes are compared for equality alone."""

import io

import matplotlib as mpl
import pandas as pd
import pytest
from drawings import BOTH, DATASET, drawn, legend, panels

from mtlray.analysis.figures import FIGURES, draw, figure, save
from mtlray.analysis.figures.files import encode
from mtlray.analysis.figures.scene import SINGLE, NothingToDraw, scene
from mtlray.analysis.figures.style import MOST
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.selection import rule
from mtlray.errors import ResultsError, SpecError

MANY = {"stl:left": ("left",), "stl:right": ("right",)} | {f"method_{i}": BOTH for i in range(12)}


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
        f"no figure {DATASET}.cosine: the cosine of the tasks' gradients was not recorded; give the sweep "
        "`gradient_diagnostics=True`",
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
    assert panels(drawing)[2].get_ylabel() == "stl:right\n100 % of the data\nseed 0\nclasses of right"
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
    assert "rule last" in drawing.caption
    assert len(drawing.figure.axes) == 2
    with pytest.raises(SpecError, match="There is no data set `mnist`"):
        draw(load(complete.folder), "fractions", dataset="mnist")


def test_settings_of_a_person_change_no_figure(complete):
    plain = encode(draw(load(complete.folder), "fractions").figure, "svg")
    with mpl.rc_context({"text.usetex": True, "lines.linestyle": ":", "font.size": 30}):
        assert encode(draw(load(complete.folder), "fractions").figure, "svg") == plain
        assert mpl.rcParams["text.usetex"]
