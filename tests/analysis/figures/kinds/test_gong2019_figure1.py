"""Figure 1: which panel shows what, the numbers below it, what is said of missing ones; and the numbers by hand."""

import math

import numpy as np
import pyarrow as pa
import pytest
from fabricated import DATASET

from mtlray.analysis.figures import draw
from mtlray.analysis.figures.kinds.gong2019_figure1 import numbers, stored
from mtlray.analysis.figures.kinds.separation import neighbours_accuracy, plane, separation
from mtlray.analysis.figures.scene import NothingToDraw, scene
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.selection import rule
from mtlray.results.representations import write_representation

BOTH = ("left", "right")
ROWS = {
    "stl:left": ("left",),
    "stl:right": ("right",),
    "equal": BOTH,
    "dwa": BOTH,
    "revised_uncertainty(initial=2)": BOTH,
}
STEPS = {469: 1.0, 46_900: 100.0, 70_350: 150.0, 93_800: 200.0}


@pytest.fixture
def sweep(with_curves):
    return with_curves(ROWS, fractions=(1.0, 0.25), n_seeds=2)


def store(sweep, strategy, steps, *, seed=0, fraction=1.0, apart=8.0, n=120):
    """Two features of ten classes on a circle of radius `apart`, with noise of 1."""
    trial = next(
        t for t in sweep.description["trials"]
        if (t["strategy"], t["seed"], t["fraction"]) == (strategy, seed, fraction)
    )  # fmt: skip
    for step in steps:
        labels = np.arange(n) % 10
        angles = 2 * np.pi * labels / 10
        features = apart * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        features += np.random.default_rng(step).normal(size=features.shape)
        about = {"trial_id": trial["trial_id"], "strategy": strategy, "fraction": fraction, "seed": seed, "step": step}
        columns = {name: [value] * n for name, value in (about | {"epoch": STEPS[step]}).items()}
        columns |= {"example": np.arange(n), "label/left": labels, "label/right": labels[::-1]}
        values = pa.FixedSizeListArray.from_arrays(pa.array(features.astype(np.float32).ravel()), 2)
        write_representation(
            sweep.ledger.store, DATASET, trial["trial_id"], step, pa.table(columns | {"features": values})
        )


def scene_of(sweep):
    return scene(load(sweep.folder), rule("best_val"), DATASET)


def test_a_panel_for_each_row_and_epoch(sweep):
    for strategy, apart in (("stl:left", 1.0), ("equal", 4.0), ("revised_uncertainty(initial=2)", 20.0)):
        store(sweep, strategy, STEPS, apart=apart)
    store(sweep, "dwa", STEPS)
    drawing = draw(load(sweep.folder), "gong2019-figure1")
    panels = drawing.figure.axes
    assert [p.get_title() for p in panels] == ["epoch 1", "epoch 100", "epoch 200"] * 3
    assert [p.get_ylabel() for p in panels if p.get_ylabel()] == ["single-task", "equal", "revised uncertainty"]
    assert [len(p.collections) for p in panels] == [10] * 9
    table = numbers(scene_of(sweep))
    assert list(zip(table["row"], table["epoch"], strict=True)) == [
        (row, epoch) for row in ("single-task", "equal", "revised uncertainty") for epoch in (1, 100, 200)
    ]
    means = table.groupby("row", sort=False)[["silhouette", "silhouette_pair", "neighbours_accuracy"]].mean()
    assert (means.diff().dropna() >= 0).all(axis=None), "wider circles are further apart"
    last = table.iloc[-1]
    assert panels[-1].get_xlabel() == (
        f"silhouette {last['silhouette']:.2f} (4 and 9: {last['silhouette_pair']:.2f})\n"
        f"10 nearest neighbours {last['neighbours_accuracy']:.1f} %"
    )
    assert "120 test examples, seed 0, 100 % of the data" in drawing.caption
    assert "computed from the features, not from the plane" in drawing.caption
    assert "Not stored" not in drawing.caption


def test_missing_panels_are_named(sweep):
    store(sweep, "equal", [469], fraction=0.25)
    store(sweep, "equal", [469])
    store(sweep, "stl:left", [469, 93_800], seed=1)
    found = stored(scene_of(sweep))
    assert (found.fraction, found.seed) == (1.0, 1), "the largest fraction, and the seed with most panels"
    drawing = draw(load(sweep.folder), "gong2019-figure1")
    assert [len(p.texts) for p in drawing.figure.axes] == [0, 1, 0, 1, 1, 1, 1, 1, 1]
    assert "Not stored: single-task at epoch 100, equal at epoch 1, equal at epoch 100" in drawing.caption


def test_without_representations_of_these_rows_and_epochs_it_says_what_to_do(sweep):
    with pytest.raises(NothingToDraw, match="give the sweep `embed_at`"):
        draw(load(sweep.folder), "gong2019-figure1")
    store(sweep, "dwa", [469])
    store(sweep, "equal", [70_350])
    with pytest.raises(NothingToDraw, match="single-task, equal, revised uncertainty after epoch 1, 100, 200"):
        draw(load(sweep.folder), "gong2019-figure1")


def test_a_dead_trunk_is_told(sweep):
    store(sweep, "equal", [469], apart=0.0, n=3)
    (panel,) = [
        p for p in draw(load(sweep.folder), "gong2019-figure1").figure.axes if p.texts[0].get_text() != "not stored"
    ]
    assert panel.texts[0].get_text() == "all examples alike, or too few"


def test_silhouettes_by_hand():
    features = np.array([[0.0], [1.0], [10.0], [13.0]])
    found = separation(features, np.array([4, 4, 9, 9]), (4, 9))
    # a: 1, 1, 3, 3; b: 11.5, 10.5, 9.5, 12.5.
    by_hand = (10.5 / 11.5 + 9.5 / 10.5 + 6.5 / 9.5 + 9.5 / 12.5) / 4
    assert found.classes == pytest.approx(by_hand)
    assert found.pair == pytest.approx(by_hand)
    assert math.isnan(found.neighbours), "four examples have no ten neighbours"
    third = separation(np.vstack([features, [[1000.0]], [[1001.0]]]), np.array([4, 4, 9, 9, 7, 7]), (4, 9))
    assert third.pair == pytest.approx(by_hand), "of the two alone"
    assert third.classes > third.pair


def test_neighbours_vote_without_the_example_itself():
    features = np.array([[0.0], [1.0], [2.1], [9.0], [10.0], [11.1], [1.5]])
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    # With 3 neighbours the last one lies among three of class 0; the others have their class in the majority.
    assert neighbours_accuracy(features, labels, 3) == pytest.approx(100 * 6 / 7)
    # With 2 neighbours votes may be equal, and the nearer neighbour decides: 1.5 is the nearest of 1 and of 2.1.
    assert neighbours_accuracy(features, labels, 2) == pytest.approx(100 * 4 / 7)


def test_what_cannot_be_laid_out():
    assert plane(np.ones((10, 3))) is None
    assert plane(np.eye(3)) is None
    points = np.random.default_rng(0).normal(size=(12, 3))
    assert plane(points).shape == (12, 2)
    assert np.array_equal(plane(points), plane(points))
