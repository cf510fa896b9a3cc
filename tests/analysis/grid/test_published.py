"""mtlray.analysis.grid.published: the papers' numbers under our names."""

import math

import pytest

from mtlray.analysis.grid.published import describe, published, resolve
from mtlray.analysis.grid.published_tables import TABLES, gong2019
from mtlray.errors import ResultsError, SpecError


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("gong2019:1", 20),
        ("gong2019:2", 6),
        ("gong2019:3", 45),
        ("gong2019:4", 15),
        ("xu2025:nyuv2", 16 * 9),
        ("xu2025:cityscapes", 17 * 4),
        ("xu2025:qm9", 14 * 11),
        ("xu2025:celeba", 15 * 40),
    ],
)
def test_each_table_loads(name, cells):
    frame = published(name)
    assert list(frame.columns) == ["strategy", "fraction", "task", "metric", "mean", "spread", "derived"]
    assert len(frame) == cells
    assert frame["mean"].notna().all()
    assert not frame.duplicated(["strategy", "fraction", "task", "metric"]).any()


def test_names_are_ours():
    frame = published("gong2019:1")
    assert list(dict.fromkeys(frame["strategy"])) == [
        "stl:left", "stl:right", "equal", "dwa", "uncertainty", "revised_uncertainty",
    ]  # fmt: skip
    assert set(frame["metric"]) == {"accuracy"}
    number = describe("gong2019:1").numbers()["stl:right", 0.25, "right", "accuracy"]
    assert (number.mean, number.spread, number.derived) == (94.26, 0.46, False)


def test_values_from_prose_are_derived():
    frame = published("gong2019:2").set_index("strategy")
    assert not frame.loc["stl:left", "derived"].any()
    assert frame.loc["revised_uncertainty", "derived"].all()
    assert describe("gong2019:2").numbers()["revised_uncertainty", 0.1, "left", "accuracy"].spread is None
    assert math.isnan(frame.loc["revised_uncertainty", "spread"].iloc[0])
    assert any("prose" in note for note in describe("gong2019:2").notes)


def test_every_spread_is_said_to_be_unclear():
    with_spread = [t for t in TABLES.values() if any(number.spread is not None for number in t.numbers().values())]
    assert with_spread == list(gong2019.TABLES)
    assert all("unclear meaning" in table.notes[0] for table in with_spread)


def test_covers_variants_but_no_other_data_set():
    one = describe("gong2019:1")
    assert one.covers("multi_mnist-left-right")
    assert one.covers("multi_mnist-left-right-mnist5k")
    assert not one.covers("multi_mnist-left-reconstruct")
    assert not one.covers("multi_mnist-left-rightmost")


def test_the_sweep_completes_a_bare_paper():
    assert resolve("gong2019", "gong2019:2").name == "gong2019:2"
    assert resolve("gong2019:1", "gong2019:2").name == "gong2019:1"
    with pytest.raises(ResultsError, match=r"names no published table of gong2019, and none is about.*gong2019:1"):
        resolve("gong2019", None)


def test_the_data_complete_a_bare_paper():
    assert resolve("xu2025", None, ["celeba-64px"]).name == "xu2025:celeba"
    assert resolve("gong2019", "gong2019:1", ["nyuv2"]).name == "gong2019:1"
    with pytest.raises(ResultsError, match=r"several are about its data.*xu2025:nyuv2 \(nyuv2\), xu2025:cityscapes"):
        resolve("xu2025", "gong2019:3", ["nyuv2-288-val80", "celeba-64px"])


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("gong2019:7", "gong2019:4"), ("gong2018", "gong2019"), ("celeba", "xu2025:celeba"), ("xu:qm9", "xu2025:qm9")],
)
def test_unknown_table(name, nearest):
    listed = "Valid names: gong2019, gong2019:1, .*xu2025, xu2025:celeba, xu2025:cityscapes, xu2025:nyuv2, xu2025:qm9"
    with pytest.raises(
        SpecError, match=f"There is no published table `{name}`. Did you mean `{nearest}`. {listed}"
    ) as refused:
        resolve(name, "gong2019:1")
    assert "\n" not in str(refused.value)
