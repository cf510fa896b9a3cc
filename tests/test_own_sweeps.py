"""Sweeps as a user writes them: the page's own network, and Tox21's molecules as texts, from the file to the table."""

import os
import re
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from places import ROOT, SUPPORT

from mtlray.results.ledger import CURVE_CIRCUMSTANCES, SUMMARY_CIRCUMSTANCES, Ledger

TOX21 = SUPPORT / "sweep_tox21.py"
N_TRIALS = 12


@pytest.fixture
def molecules(monkeypatch):
    """The table of Tox21, where there is one, as the sweep file finds it."""
    folder = (ROOT / os.environ.get("MTLRAY_TEST_DATA", "../shared/data")).resolve()
    if not (folder / "tox21" / "tox21.csv.gz").is_file():
        pytest.skip(f"tox21.csv.gz is not in {folder}/tox21; MTLRAY_TEST_DATA names another place")
    monkeypatch.setenv("MTLRAY_TEST_DATA", str(folder))


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


def test_the_sweep_of_tox21_has_at_most_40_lines():
    assert len(TOX21.read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.usefixtures("molecules")
def test_molecules_are_learnt_from_their_characters(cli, tmp_path):
    narrow = ("--strategies", "equal,dwa", "--fractions", "0.25", "--seeds", "0:1", "--steps", "30")
    done, out, err = cli("run", TOX21, "--in-process", "--yes", *narrow, "--results", tmp_path / "results")
    assert done == 0, err
    assert "Tox21 as DeepChem has it" in out
    summary, curves = results_of(tmp_path / "results", "tox21")
    assert len(summary) == 2 * 12 * 5
    assert summary["last"].notna().all()
    areas = summary[summary["metric"] == "roc_auc"].groupby("strategy")["last"].mean()
    assert (areas > 0.5).all(), areas
    assert len(curves) == 2


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
@pytest.mark.xdist_group("ray")
@pytest.mark.usefixtures("molecules")
def test_molecules_on_ray_killed_and_resumed_give_the_same_bits(tmp_path):
    def command(*arguments):
        main = [sys.executable, "-c", "from mtlray.cli import main; main()"]
        return [*main, *map(str, arguments), "--yes", "--steps", "60", "--data", str(tmp_path / "data")]

    subprocess.run(command("run", TOX21, "--in-process", "--results", tmp_path / "one"), check=True, timeout=600)
    on_ray = command("run", TOX21, "--workers", 2, "--checkpoint-seconds", 0.1, "--results", tmp_path / "two")
    driver = subprocess.Popen(on_ray, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shards = tmp_path / "two" / "tox21" / "summary"
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
    for mine, theirs in zip(*(results_of(tmp_path / name, "tox21") for name in ("two", "one")), strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)
