"""mtlray.analysis.grid.metrics: tables of some metrics."""

import subprocess
import sys

import pyarrow as pa
import pytest

from mtlray.analysis import table
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.metrics import only
from mtlray.errors import SpecError
from mtlray.results.ledger import SUMMARY

VALUES = {"iou_global": 1.0, "iou_legacy": 2.0}


@pytest.fixture
def folder(make_sweep):
    """Two tasks: one with two metrics, one with one."""
    sweep = make_sweep()
    for strategy in ("equal", "dwa"):
        trial = sweep.plan(strategy, ["left", "right"])
        rows = [row for name, value in VALUES.items() for row in sweep.rows(trial, {"left": value}, metric=name)]
        rows += sweep.rows(trial, {"right": 3.0})
        sweep.ledger.commit(trial["trial_id"], trial["dataset"], None, pa.Table.from_pylist(rows, schema=SUMMARY))
    return sweep.folder


def pairs(frame):
    return set(zip(frame["task"], frame["metric"], strict=True))


@pytest.mark.parametrize(
    ("metrics", "of_left"),
    [(None, {"iou_global", "iou_legacy"}), ("*_global,accuracy", {"iou_global"}), ("iou*, acc*", set(VALUES))],
)
def test_the_named_metrics_are_shown(folder, metrics, of_left):
    shown = pairs(table(folder, metrics=metrics))
    assert shown == {("left", name) for name in of_left} | {("right", "accuracy")}


def test_ranks_are_of_the_named_metrics_alone(folder):
    assert len(pairs(table(folder, kind="compare", metrics="iou_legacy,accuracy"))) == 2


@pytest.mark.parametrize(
    ("metrics", "text"),
    [
        ("miou", r"should name metrics\. Found `miou`\. There are: iou_global, iou_legacy, accuracy\."),
        ("iou_global", r"should leave each task a metric\. Found none for right, which has accuracy\."),
        ("", r"Found none\. There are: iou_global, iou_legacy, accuracy\."),
    ],
)
def test_what_cannot_be_shown_is_refused(folder, metrics, text):
    with pytest.raises(SpecError, match=text):
        only(load(folder), metrics)


def test_from_the_command_line(folder):
    run = subprocess.run(
        [sys.executable, "-m", "mtlray.analysis", "table", folder, "--metrics", "*_legacy,accuracy"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "iou_legacy" in run.stdout
    assert "iou_global" not in run.stdout
