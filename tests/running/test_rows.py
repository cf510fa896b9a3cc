"""What each selection rule picks, by hand, and the tables that are stored."""

import dataclasses
import json
import math

import pyarrow as pa
import pytest

from mtlray.data import MultiMNIST
from mtlray.identity.provenance import Commit
from mtlray.models import LeNet
from mtlray.results.schema import RESULTS_VERSION, SUMMARY, curves_schema
from mtlray.results.states import TrialState
from mtlray.running.rows import Circumstances, curves_table, joint_selections, selections, summary_table
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import DWA, SingleTask
from mtlray.tasks.metrics import Accuracy, MeanSquaredError

TRIAL = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", task_names=("left", "reconstruct"), val_digits=100),
    model=LeNet(),
    strategy=DWA(),
    optimizer=SGD(lr=0.1),
    fraction=0.25,
    steps=100,
    seed=3,
)
ABOUT = Circumstances(
    sweep="table",
    fingerprint="f00d",
    commit=Commit("abc", True),
    device="cpu",
    pack_size=2,
    attempts=4,
    seconds=1.5,
    peak_memory_bytes=3 << 20,
)


def curve(test, val=None):
    """Rows of a curve of the left task's accuracy, evaluated each ten steps."""
    return [
        {"step": 10 * (i + 1), "test/left/accuracy": t} | ({} if val is None else {"val/left/accuracy": val[i]})
        for i, t in enumerate(test)
    ]


def test_selections_by_hand():
    rows = curve([70.0, 90.0, 80.0, 85.0], val=[60.0, 75.0, 95.0, 80.0])
    assert selections(rows, "left", Accuracy()) == {
        "last": 85.0, "mean_last_10": 81.25, "best_test": 90.0, "best_test_step": 20, "at_best_val": 80.0,
        "best_val": 95.0, "best_val_step": 30,
    }  # fmt: skip


def test_lower_is_better():
    rows = [
        {"step": s, "test/left/mse": t, "val/left/mse": v} for s, t, v in [(1, 3.0, 1.0), (2, 1.0, 2.0), (3, 2.0, 3.0)]
    ]
    found = selections(rows, "left", MeanSquaredError())
    assert (found["best_test"], found["best_test_step"]) == (1.0, 2)
    assert (found["at_best_val"], found["best_val"], found["best_val_step"]) == (3.0, 1.0, 1)


def test_the_first_of_equals():
    found = selections(curve([80.0, 90.0, 90.0], val=[5.0, 5.0, 5.0]), "left", Accuracy())
    assert (found["best_test_step"], found["best_val_step"], found["at_best_val"]) == (20, 10, 80.0)


def test_mean_of_the_last_ten():
    values = [float(i) for i in range(1, 15)]
    assert selections(curve(values), "left", Accuracy())["mean_last_10"] == pytest.approx(sum(range(5, 15)) / 10)


def test_no_validation_split():
    found = selections(curve([70.0, 90.0]), "left", Accuracy())
    assert (found["at_best_val"], found["best_val"], found["best_val_step"]) == (None, None, None)
    assert found["best_test"] == 90.0


def test_values_that_are_not_finite_are_never_best():
    found = selections(curve([70.0, math.nan, math.inf], val=[1.0, math.nan, 0.5]), "left", Accuracy())
    assert (found["best_test"], found["best_test_step"], found["best_val_step"]) == (70.0, 10, 10)
    assert found["last"] == math.inf


def test_a_joint_selection_is_of_one_evaluation():
    rows = [
        {
            "step": step,
            "test/left/accuracy": left,
            "test/right/accuracy": 180 - left,
            "val/score": val,
            "test/score": test,
        }
        for step, left, val, test in ((1, 92.0, 0.7, 0.8), (2, 89.0, 0.9, 0.8), (3, 88.0, 0.9, 0.7))
    ]
    left, right = (joint_selections(rows, task, Accuracy()) for task in ("left", "right"))
    assert left == {
        "at_joint_val": 89.0, "joint_val_step": 2, "joint_val_score": 0.9, "at_joint_test": 92.0, "joint_test_step": 1,
    }  # fmt: skip
    assert right == left | {"at_joint_val": 91.0, "at_joint_test": 88.0}


def test_a_curve_without_scores_has_no_joint_selection():
    assert set(joint_selections(curve([1.0, 2.0]), "left", Accuracy()).values()) == {None}
    assert set(joint_selections([], "left", Accuracy()).values()) == {None}


def test_never_evaluated():
    assert set(selections([], "left", Accuracy()).values()) == {None}


def rows_of_both_tasks():
    metrics = {"left": ("loss", "accuracy"), "reconstruct": ("loss", "mse")}
    numbers = {
        f"{split}/{task}/{name}": 1.0 for split in ("val", "test") for task, names in metrics.items() for name in names
    }
    weights = {f"{kind}/{task}": 0.5 for kind in ("weight",) for task in metrics}
    train = {f"train/{task}/loss": 2.0 for task in metrics}
    rest = {"weight_sum": 1.0, "grad_norm/trunk": 3.0, "strategy_scalars": {"gap": 0.5}}
    return [
        {"step": s, "epoch": s / 8, "train_samples_per_second": 100.0 * s, **numbers, **weights, **train, **rest}
        for s in (10, 20, 30)
    ]


def test_summary_has_a_row_for_each_task_and_metric():
    table = summary_table(TRIAL, TrialState.DONE, 100, rows_of_both_tasks(), ABOUT)
    assert table.schema == SUMMARY
    left, right = table.to_pylist()
    assert (left["task"], left["metric"], left["unit"], left["higher_is_better"]) == ("left", "accuracy", "%", True)
    assert (right["task"], right["metric"], right["higher_is_better"]) == ("reconstruct", "mse", False)
    assert (left["trial_id"], left["state"], left["steps"], left["n_evaluations"]) == (TRIAL.trial_id, "done", 100, 3)
    assert (left["strategy"], json.loads(left["strategy_params"])["temperature"]) == ("dwa", 2)
    assert (left["train_samples_per_second"], left["seconds"], left["pack_size"], left["attempts"]) == (
        2000.0,
        1.5,
        2,
        4,
    )
    assert (left["commit"], left["dirty"], left["device"], left["data_fingerprint"]) == ("abc", True, "cpu", "f00d")
    assert (left["dataset"], left["data_origin"]) == (TRIAL.dataset.label, TRIAL.dataset.origin)
    assert (left["backward_passes"], left["peak_memory_bytes"]) == ("1", 3 << 20)
    assert (left["spec"], left["results_version"], left["sweep"]) == (TRIAL.canonical, RESULTS_VERSION, "table")


@pytest.mark.parametrize(
    ("patience", "step", "expected"), [(None, 100, False), (5, 100, False), (5, 30, True), (None, 30, False)]
)
def test_summary_says_that_a_trial_stopped_early(patience, step, expected):
    trial = dataclasses.replace(TRIAL, patience=patience)
    rows = summary_table(trial, TrialState.DONE, step, rows_of_both_tasks(), ABOUT).to_pylist()
    assert {(row["stopped_early"], row["steps"], row["last"] is None) for row in rows} == {(expected, step, False)}
    (diverged, _) = summary_table(trial, TrialState.DIVERGED, 30, rows_of_both_tasks(), ABOUT).to_pylist()
    assert diverged["stopped_early"] is False


def test_summary_of_a_failed_trial_has_rows_without_numbers():
    rows = summary_table(TRIAL, TrialState.FAILED, 0, [], ABOUT, "RuntimeError: no").to_pylist()
    assert len(rows) == 2
    for row in rows:
        assert (row["state"], row["error"], row["last"], row["best_test"]) == ("failed", "RuntimeError: no", None, None)


def test_curves_have_the_same_columns_whatever_was_trained():
    whole = curves_table(TRIAL, rows_of_both_tasks())
    single = dataclasses.replace(TRIAL, strategy=SingleTask(task="left"))
    rows = [{k: v for k, v in row.items() if "reconstruct" not in k} for row in rows_of_both_tasks()]
    part = curves_table(single, rows)
    assert whole.schema == part.schema == curves_schema([("left", ["accuracy"]), ("reconstruct", ["mse"])])
    assert part.column("test/reconstruct/mse").to_pylist() == [None] * 3
    assert whole.column("strategy_scalars").to_pylist()[0] == [("gap", 0.5)]
    assert part.column("strategy").to_pylist() == ["stl:left"] * 3


def test_curves_of_a_trial_without_evaluations_are_an_empty_table():
    table = curves_table(TRIAL, [])
    assert table.num_rows == 0
    assert isinstance(table, pa.Table)
