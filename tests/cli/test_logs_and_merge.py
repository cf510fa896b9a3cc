"""`logs` and `merge` as they are typed."""

import shutil

import pytest
from places import ASSETS, SMALL

from mtlray.results.ledger import Ledger

STORED = ASSETS / "results_version_5" / "version_5"


@pytest.fixture
def folders(tmp_path):
    """Two copies of a stored sweep's results folder, the second without one of the trials."""
    for name in ("a", "b"):
        shutil.copytree(STORED, tmp_path / name / "version_5")
    ledger = Ledger(str(tmp_path / "b"), "version_5")
    trial_id = min(ledger.records()[0])
    ledger.forget([trial_id])
    return trial_id


def test_merge(cli, tmp_path, folders):
    table = ("--select", "last", "--format", "csv")
    whole = cli("table", "a/version_5", *table)[1]
    assert "" not in (whole, cli("table", "b/version_5", *table)[1])
    assert cli("table", "b/version_5", *table)[1] != whole
    code, out, err = cli("merge", "a/version_5", "b/version_5")
    assert code == 0, err
    assert out.startswith(f"1 finished trial of {tmp_path}/a/version_5/ added to {tmp_path}/b/version_5/.\n"), out
    assert folders in Ledger(str(tmp_path / "b"), "version_5").records()[0]
    assert cli("table", "b/version_5", *table)[1] == whole


@pytest.mark.parametrize("arguments", [("nowhere", "b/version_5"), ("a/version_5", "nowhere"), ("a", "b/version_5")])
def test_what_is_no_results_folder_is_not_merged(cli, folders, arguments):
    code, _, err = cli("merge", *arguments)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "should be a sweep's results folder, with a file sweep.json" in err


def test_logs(cli, tmp_path):
    ledger = Ledger(str(tmp_path / "results"), "small")
    ledger.write_sweep({"name": "small", "trials": []})
    log = ledger.folder("0123456789abcdef").start("launch", "spec", "cpu")
    log.add("training from step 0")
    for source in ("results/small", SMALL):
        for follow in ((), ("--follow",)):
            code, out, _ = cli("logs", source, "0123", *follow)
            assert (code, out.count("training from step 0")) == (0, 1)
    code, _, err = cli("logs", "results/small", "9")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "Found none among 1 trials" in err
