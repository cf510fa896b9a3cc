"""Sweeps as a user writes them, from the file to the table: the page's own network, a table of patients, genes with fourteen
labels, and molecules as texts with labels missing."""

import io
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from places import ROOT, SUPPORT

from mtlray.results.ledger import CURVE_CIRCUMSTANCES, SUMMARY_CIRCUMSTANCES, Ledger

NAMES = ("diabetes", "yeast", "tox21")
N_TRIALS = 12  # three strategies, two fractions, two seeds


def sweep_file(name):
    return SUPPORT / f"sweep_{name}.py"


@pytest.fixture
def sweep(name, monkeypatch):
    """The sweep file of that name, where its data are."""
    folder = (ROOT / os.environ.get("MTLRAY_TEST_DATA", "../shared/data")).resolve()
    if name != "diabetes" and not list(folder.glob(f"{name}/{name}.csv.gz")):
        pytest.skip(f"{name}.csv.gz is not in {folder}/{name}; MTLRAY_TEST_DATA names another place")
    monkeypatch.setenv("MTLRAY_TEST_DATA", str(folder))
    return sweep_file(name)


def results_of(folder, name):
    """Summary and curves in a fixed order, without what depends on when and where it ran."""
    ledger = Ledger(str(folder), name)
    summary = ledger.summary()[0].to_pandas().drop(columns=list(SUMMARY_CIRCUMSTANCES))
    curves = pd.concat([ledger.curves(dataset).to_pandas() for dataset in ledger.datasets()])
    return (
        summary.sort_values(["trial_id", "task", "metric"]).reset_index(drop=True),
        curves.drop(columns=list(CURVE_CIRCUMSTANCES)).sort_values(["trial_id", "step"]).reset_index(drop=True),
    )


def test_the_network_of_the_page_on_models_is_trained(cli, tmp_path):
    page = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if "SWEEP = " in block)
    (tmp_path / "own_model.py").write_text(code, encoding="utf-8")
    run = ("run", tmp_path / "own_model.py", "--in-process", "--yes", "--steps", "20", "--seeds", "0:1")
    done, out, err = cli(*run, "--results", tmp_path / "results")
    assert done == 0, err
    assert re.search(r"^dwa.* +\d", out, re.M), out
    summary, _ = results_of(tmp_path / "results", "own_model")
    assert set(summary["model"]) == {"trunk"}
    assert summary[summary["metric"] == "rmse"]["last"].between(20, 200).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_sweep_file_has_at_most_40_lines(name):
    assert len(sweep_file(name).read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.parametrize("name", ["tox21"])
def test_molecules_are_learnt_from_their_characters(cli, tmp_path, sweep):
    narrow = ("--strategies", "equal,dwa", "--fractions", "0.25", "--seeds", "0:1", "--steps", "30")
    done, out, err = cli("run", sweep, "--in-process", "--yes", *narrow, "--results", tmp_path / "results")
    assert done == 0, err
    assert "Tox21 as DeepChem has it" in out
    summary, curves = results_of(tmp_path / "results", "tox21")
    assert len(summary) == 2 * 12 * 5
    assert summary["last"].notna().all()
    areas = summary[summary["metric"] == "roc_auc"].groupby("strategy")["last"].mean()
    assert (areas > 0.5).all(), areas
    assert len(curves) == 2


@pytest.mark.parametrize("name", ["diabetes", pytest.param("yeast", marks=pytest.mark.slow)])
def test_a_table_by_two_axes_and_a_report(cli, tmp_path, name, sweep):
    results = tmp_path / "results"
    done, _, err = cli("run", sweep, "--in-process", "--yes", "--steps", "100", "--results", results)
    assert done == 0, err
    summary, _ = results_of(results, name)
    assert summary["trial_id"].nunique() == N_TRIALS
    arranged = ("--by", "fraction", "--across", "strategy", "--format", "csv")
    done, out, err = cli("table", results / name, *arranged)
    assert done == 0, err
    table = pd.read_csv(io.StringIO(out), comment="#")
    row = summary.iloc[0]
    cell = summary[
        (summary[["task", "metric", "strategy", "fraction"]] == row[["task", "metric", "strategy", "fraction"]]).all(
            axis=1
        )
    ]
    found = table[(table["task"] == row["task"]) & (table["metric"] == row["metric"])]
    assert len(found) == 3 * 2, table
    assert np.isclose(found["mean"], cell["at_joint_val"].mean()).any(), (found, cell)
    done, out, err = cli("report", results / name, "--out", tmp_path / "report.html")
    assert done == 0, err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(task in page for task in summary["task"].unique())


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("ray")
@pytest.mark.parametrize("name", NAMES)
def test_on_ray_killed_and_resumed_gives_the_same_bits(tmp_path, name, sweep):
    def command(*arguments):
        main = [sys.executable, "-c", "from mtlray.cli import main; main()"]
        return [*main, *map(str, arguments), "--yes", "--steps", "60", "--data", str(tmp_path / "data")]

    subprocess.run(command("run", sweep, "--in-process", "--results", tmp_path / "one"), check=True, timeout=600)
    on_ray = command("run", sweep, "--workers", 2, "--checkpoint-seconds", 0.1, "--results", tmp_path / "two")
    driver = subprocess.Popen(on_ray, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shards = tmp_path / "two" / name / "summary"
    deadline = time.monotonic() + 300
    while len(list(shards.glob("*.parquet"))) < 2:
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert 2 <= len(list(shards.glob("*.parquet"))) < N_TRIALS
    done = subprocess.run(on_ray, check=True, timeout=600, capture_output=True, text=True)
    assert re.search(r"uncertainty +\d", done.stdout), done.stdout
    for mine, theirs in zip(*(results_of(tmp_path / place, name) for place in ("two", "one")), strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
