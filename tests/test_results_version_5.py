"""Results that mtlray 0.1 left behind: they open, nothing in them runs again, a seed can be added, and tables stay the same."""

import csv
import io
import shutil

import pytest
from places import ASSETS

ASSET = ASSETS / "results_version_5"
SWEEP = ASSET / "sweep_version_5.py"
FINISHED = ("--strategies", "stl,equal,dwa,uncertainty,late")


@pytest.fixture
def results(tmp_path):
    shutil.copytree(ASSET / "version_5", tmp_path / "results" / "version_5")
    return tmp_path / "results"


def test_every_state_is_read(cli, results):
    code, out, _ = cli("status", SWEEP, "--results", results)
    assert code == 0
    assert out.startswith("version_5: 20 done, 4 diverged, 4 failed, 2 interrupted, 2 waiting of 32 trials, in ")


@pytest.mark.parametrize("kind", ["cells", "leaderboard", "compare", "cost"])
def test_its_tables_are_the_same(cli, results, kind, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")  # as wide as tables then were
    code, out, _ = cli("table", results / "version_5", "--kind", kind, "--select", "best_val_per_task")
    assert code == 0
    assert out == (ASSET / f"table-{kind}.txt").read_text()


def test_its_numbers_are_the_same(cli, results):
    code, out, _ = cli("table", results / "version_5", "--format", "csv", "--select", "last")
    assert code == 0
    then = list(csv.DictReader(io.StringIO((ASSET / "table-last.csv").read_text())))
    now = list(csv.DictReader(io.StringIO(out)))
    assert [{column: row[column] for column in then[0]} for row in now] == then, "there may be other columns besides"


def test_nothing_finished_runs_again_and_a_seed_can_be_added(cli, results, tmp_path):
    code, out, _ = cli("plan", SWEEP, *FINISHED, "--results", results)
    assert code == 0
    assert "0 to run, 20 done, 4 diverged, 4 failed" in out
    longer = tmp_path / "longer.py"
    longer.write_text(SWEEP.read_text().replace("seeds=range(2)", "seeds=range(3)"))
    narrow = ("--in-process", "--yes", "--strategies", "dwa", "--fractions", "1", "--results", results)
    code, out, err = cli("run", longer, *narrow)
    assert code == 0, out + err
    assert "1 to run, 2 done" in out
    # What mtlray 0.1 left has no joint score, by which the sweep's own rule now selects.
    assert "No table: Selection rule `best_val` should find a number" in out
    code, out, _ = cli("table", longer, *narrow[2:], "--select", "best_val_per_task")
    assert code == 0
    assert "n = 3 seeds a cell" in out


def test_what_was_interrupted_goes_on_from_its_checkpoint(cli, results):
    narrow = (SWEEP, "--in-process", "--yes", "--strategies", "ema", "--fractions", "1", "--results", results)
    code, out, _ = cli("run", *narrow)
    assert code == 0, out
    logs = [path.read_text() for path in results.glob("version_5/trials/*/attempt-2.log")]
    assert sorted(int(log.split("training from step ")[1].split()[0]) for log in logs) == [2, 3]
