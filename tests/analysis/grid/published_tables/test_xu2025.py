"""Xu et al. 2025: four tables beside sweeps of fitting tasks and metrics, their Δm, and what is known to be wrong in them."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from fabricated import published_sweep

from mtlray.analysis import TableOptions, published, render_table
from mtlray.analysis.grid.published import describe
from mtlray.analysis.kinds.beside import improvements
from mtlray.data import CelebA
from mtlray.data.nyuv2 import NYUv2
from mtlray.strategies import STRATEGIES

NAMES = ("nyuv2", "cityscapes", "qm9", "celeba")
# Computed from the same cells by somebody else, with the sign of the papers, lower being better.
ELSEWHERE = {
    "nyuv2": {"equal": 5.59, "scale_invariant": 4.39, "rlw": 7.78, "dwa": 3.57, "uncertainty": 4.06, "mgda": 1.38,
              "pcgrad": 3.97, "graddrop": 3.58, "cagrad": 0.19, "imtl_g": -0.60, "nash": -4.05, "famo": -4.10, "fairgrad": -4.66},
    "cityscapes": {"equal": 22.62, "mgda": 44.14},
    "qm9": {"equal": 178.6, "famo": 58.32},
    "celeba": {"equal": 4.15, "scale_invariant": 7.20, "rlw": 1.46, "dwa": 3.20, "uncertainty": 3.23, "mgda": 14.85,
               "pcgrad": 3.17, "graddrop": 3.29, "cagrad": 2.48, "imtl_g": 0.84, "nash": 2.84, "famo": 1.21, "fairgrad": 0.37},
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_beside_a_sweep_of_fitting_tasks(tmp_path, name):
    sweep = published_sweep(tmp_path, f"xu2025:{name}", f"{name}-small", {})
    rows = list(csv.DictReader(io.StringIO(render_table(sweep.folder, TableOptions(against="xu2025"), format="csv"))))
    assert len(rows) == len(published(f"xu2025:{name}"))
    assert all(float(row["mean"]) == pytest.approx(float(row["published_mean"])) for row in rows)
    rendered = " ".join(render_table(sweep.folder, TableOptions(against=f"xu2025:{name}")).split())
    assert f"published xu2025:{name}: Xu et al. 2025 (PSMGD)" in rendered
    assert "ours − paper +0.0" in rendered
    assert "computed from the cells of all" in rendered
    assert f"famo {improvements(describe(f'xu2025:{name}'))['famo']:+.2f}".replace("-", "−") in rendered
    assert "left out" not in rendered
    assert "not in this table" not in rendered


def test_columns_and_rows_that_the_sweep_lacks_are_said(tmp_path):
    sweep = published_sweep(tmp_path, "xu2025:nyuv2", "nyuv2", {})
    segmentation = TableOptions(against="xu2025:nyuv2", where='strategy in ("stl:segmentation", "equal")')
    frame = render_table(sweep.folder, segmentation, format="csv")
    assert len([row for row in csv.DictReader(io.StringIO(frame)) if row["published_mean"]]) == 2 + 9
    rendered = " ".join(render_table(sweep.folder, segmentation).split())
    assert "xu2025:nyuv2 also has scale_invariant, rlw, dwa, " in rendered
    only = TableOptions(against="xu2025:nyuv2", metrics="*_global,abs_*,angle_mean_*")
    rendered = " ".join(render_table(sweep.folder, only).split())
    assert (
        "Columns of xu2025:nyuv2 that this table does not have are left out: depth/rel_error_legacy, "
        "normals/angle_median_legacy, normals/within_11_legacy, normals/within_22_legacy, normals/within_30_legacy."
        in rendered
    )


def test_of_many_columns_a_few_are_named(tmp_path):
    sweep = published_sweep(tmp_path, "xu2025:celeba", "celeba", {})
    where = 'strategy in ("stl:Smiling", "stl:Young")'
    rendered = " ".join(render_table(sweep.folder, TableOptions(against="xu2025", where=where)).split())
    assert "are left out: 5_o_Clock_Shadow/f1, Arched_Eyebrows/f1, " in rendered
    assert "Black_Hair/f1 and 29 others." in rendered


def test_a_strategy_with_a_hyperparameter_stands_beside_the_plain_name(tmp_path):
    called = {"cagrad": "cagrad(c=0.2)", "dwa": "dwa(temperature=1)", "rlw": "dwa(temperature=3)"}
    sweep = published_sweep(tmp_path, "xu2025:cityscapes", "cityscapes", {}, called)
    frame = pd.read_csv(
        io.StringIO(render_table(sweep.folder, TableOptions(against="xu2025"), format="csv")), comment="#"
    )
    beside = frame[frame["published_mean"].notna()]["strategy"].unique()
    assert "cagrad(c=0.2)" in beside
    assert not {"dwa(temperature=1)", "dwa(temperature=3)"} & set(beside)


@pytest.mark.parametrize("name", NAMES)
def test_improvements_are_those_of_another_computation(name):
    found = improvements(describe(f"xu2025:{name}"))
    assert list(found) == [s for s in published(f"xu2025:{name}")["strategy"].unique() if s != "single-task"]
    for strategy, other in ELSEWHERE[name].items():
        assert found[strategy] == pytest.approx(-other, abs=0.006 if abs(other) < 100 else 0.06), strategy


def test_an_improvement_by_hand():
    # Segmentation up, depth down: (75.18 − 74.01) / 74.01, (93.49 − 93.16) / 93.16, −(0.0155 − 0.0125) / 0.0125, …
    by_hand = 100 * np.mean([1.17 / 74.01, 0.33 / 93.16, -0.003 / 0.0125, -19 / 27.77])
    assert improvements(describe("xu2025:cityscapes"))["equal"] == pytest.approx(by_hand)
    assert improvements(describe("gong2019:1")) == {}


def test_what_is_doubtful_is_named_and_is_the_value_that_gives_the_printed_improvement():
    table = describe("xu2025:nyuv2")
    numbers = table.numbers()
    assert numbers["nash", 1.0, "normals", "angle_median_legacy"].mean == 20.08
    assert numbers["dwa", 1.0, "normals", "within_30_legacy"].mean == 62.39
    assert improvements(table)["imtl_g"] == pytest.approx(0.60, abs=0.005)
    (note,) = (note for note in table.notes if note.startswith("Doubtful"))
    assert all(
        words in note for words in ("20.08 here, 20.58", "62.39 here, 62.29", "0.60 % where papers print 0.76 %")
    )


def test_names_are_ours():
    for name in NAMES:
        assert set(published(f"xu2025:{name}")["strategy"]) <= {
            "single-task",
            "pmgd",
            *(strategy.key for strategy in STRATEGIES),
        }
    assert [task.name for task in CelebA().tasks] == list(published("xu2025:celeba")["task"].unique())
    ours = {(task.name, metric.name) for task in NYUv2().tasks for metric in task.metrics}
    frame = published("xu2025:nyuv2")
    assert set(zip(frame["task"], frame["metric"], strict=True)) <= ours
    lower = {metric.name for task in NYUv2().tasks for metric in task.metrics if not metric.higher_is_better}
    assert describe("xu2025:nyuv2").lower == lower & set(frame["metric"])
    frame = published("xu2025:celeba")
    assert frame["mean"].between(10, 100).all()  # per cent


@pytest.mark.parametrize(("name", "rule"), [("nyuv2", "mean_last_10"), ("celeba", "best_val")])
def test_the_paper_s_way_of_choosing_is_said(tmp_path, name, rule):
    sweep = published_sweep(tmp_path, f"xu2025:{name}", name, {})
    note = f"--select {rule} compares like with like"
    for select, wanted in ((rule, False), ("last", True)):
        rendered = " ".join(render_table(sweep.folder, TableOptions(against="xu2025", select=select)).split())
        assert (note in rendered) == wanted
