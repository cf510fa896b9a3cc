"""`mtlray data list` and `mtlray data remove` as a user meets them."""

import subprocess
import sys

import pytest
import worked_example

from mtlray.data.files.prepared import RECORD


def test_an_edited_data_set_is_trained_on_its_new_arrays(cli, tmp_path):
    narrow = ("--in-process", "--yes", "--steps", "2", "--strategies", "equal")
    cli("run", worked_example.write(tmp_path), *narrow)
    edit = ("y, x = rng.integers(2, 34, (2, n))", "y, x = rng.integers(9, 27, (2, n))")
    code, out, _ = cli("run", worked_example.write(tmp_path, edit), *narrow, "--results", "other")
    assert code == 0, out
    code, out, _ = cli("data", "list")
    assert code == 0
    assert out.count("  prepared/points-") == 2, "the arrays of the earlier text are not those of the edited one"


def test_remove_asks_and_removes(cli, tmp_path, monkeypatch):
    cli("run", worked_example.write(tmp_path), "--in-process", "--yes", "--steps", "2", "--strategies", "equal")
    code, out, err = cli("data", "remove", "points")
    assert (code, err) == (
        2,
        "Error: Nothing was removed, because nobody can be asked here. Add --yes to remove what is listed.\n",
    )
    assert "/data/prepared/points-" in out
    assert len(list(tmp_path.rglob(RECORD))) == 1
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"mtlray.cli.asking.sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda question, default: default)
    code, out, _ = cli("data", "remove", "points")
    assert (code, out.splitlines()[-1]) == (0, "Nothing was removed.")
    assert len(list(tmp_path.rglob(RECORD))) == 1


@pytest.mark.parametrize("closed", [pytest.param("0<&-", marks=pytest.mark.slow), "0<&- 1>&-"])
def test_nobody_is_asked_whose_input_is_closed(cli, tmp_path, closed):
    cli("run", worked_example.write(tmp_path), "--in-process", "--yes", "--steps", "2", "--strategies", "equal")
    command = f"{sys.executable} -m mtlray data remove points --data {tmp_path / 'data'} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "Error: Nothing was removed, because nobody can be asked here. Add --yes to remove what is listed.\n",
    )
    assert len(list(tmp_path.rglob(RECORD))) == 1


def test_remove_with_yes(cli, tmp_path):
    from mtlray.data.files import prepared

    cli("run", worked_example.write(tmp_path), "--in-process", "--yes", "--steps", "2", "--strategies", "equal")
    prepared._load.cache_clear()  # this process has them mapped
    code, out, err = cli("data", "remove", "points", "--yes")
    assert (code, err) == (0, "")
    assert "1 folder removed, " in out
    assert list(tmp_path.rglob(RECORD)) == []
    code, _, err = cli("data", "remove", "points", "--yes")
    assert code == 2
    assert err.startswith(f"Error: `points` should be prepared in {tmp_path / 'data'}. Found nothing prepared there.")
