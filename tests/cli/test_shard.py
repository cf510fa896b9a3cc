"""`--shard`: several drivers share a sweep and its results folder, and it ends as if one had run it."""

import json

import pytest
from places import SMALL

from mtlray.results.driver_lock import DriverLock
from mtlray.results.ledger import CURVE_CIRCUMSTANCES, SUMMARY_CIRCUMSTANCES, Ledger
from mtlray.results.part import WHOLE, Part

NARROW = ("--steps", "3", "--strategies", "dwa,stl")
RUN = ("run", SMALL, "--in-process", "--yes", *NARROW)


def numbers(folder):
    """The summary and the curves without what depends on when and where trials ran."""
    ledger = Ledger(str(folder), "small")
    summary, damaged = ledger.summary()
    assert not damaged
    curves = ledger.curves(ledger.datasets()[0])
    rows = [
        *summary.drop_columns([*SUMMARY_CIRCUMSTANCES]).to_pylist(),
        *curves.drop_columns([*CURVE_CIRCUMSTANCES]).to_pylist(),
    ]
    return sorted(json.dumps(row, sort_keys=True) for row in rows)


def test_parts_end_as_one_driver_does(cli, tmp_path):
    assert cli(*RUN, "--results", "one")[0] == 0
    ran = []
    for index in (3, 1, 2):
        code, out, err = cli(*RUN, "--results", "parts", "--shard", f"{index}/3")
        assert code == 0, out + err
        assert f"  shard       part {index} of 3: " in out
        assert ("This part holds no trials" in out) is (index == 2), "this small grid's second part is empty"
        ran.append(len(Ledger(str(tmp_path / "parts"), "small").records()[0]))
    assert ran[-1] == 4
    assert ran == sorted(ran)
    assert numbers(tmp_path / "parts") == numbers(tmp_path / "one")
    for command in ("status", "table", "compact"):
        assert cli(command, SMALL, "--results", "parts")[0] == 0
    code, out, _ = cli("status", SMALL, *NARROW, "--results", "parts", "--json")
    assert json.loads(out)["counts"] == {"done": 4}
    assert len(json.loads((tmp_path / "parts" / "small" / "sweep.json").read_text())["trials"]) == 4
    code, out, _ = cli(*RUN, "--results", "parts", "--shard", "1/5")
    assert code == 0
    assert "trials are finished: nothing to run." in out
    assert "other finished" not in out, "those of other parts are part of this sweep"


def test_what_parts_left_is_run_by_another_division(cli, tmp_path):
    assert cli(*RUN, "--shard", "1/2")[0] == 0
    ledger = Ledger(str(tmp_path / "results"), "small")
    before = set(ledger.records()[0])
    assert len(before) == 1
    for index in (1, 3):
        assert cli(*RUN, "--shard", f"{index}/3")[0] == 0
    assert len(ledger.records()[0]) == 4
    assert all(len(ledger.folder(trial_id).attempts()) == 1 for trial_id in ledger.started())


@pytest.mark.parametrize(
    ("held", "command", "told"),
    [
        (Part(1, 4), ("--shard", "1/4"), "part 1 of 4 of this sweep (part 1 of 4: process"),
        (Part(1, 4), ("--shard", "3/3"), "divided otherwise (part 1 of 4: process"),
        (Part(1, 4), ("--shard", "2/4", "--pack-size", "2"), "divided otherwise (part 1 of 4: process"),
        (Part(1, 4), (), "parts of this sweep (part 1 of 4: process"),
        (WHOLE, ("--shard", "3/3"), "this sweep (process"),
    ],
)
def test_a_run_beside_another_that_could_train_the_same_trials_is_refused(cli, tmp_path, held, command, told):
    ledger = Ledger(str(tmp_path / "results"), "small")
    ledger.probe()
    with DriverLock(ledger.store, held):
        code, _, err = cli(*RUN, *command)
        assert (code, len(err.splitlines())) == (2, 1), err
        assert told in err
        assert cli("compact", SMALL)[0] == cli("retry", SMALL)[0] == 2
        code, out, _ = cli("status", SMALL)
        assert (code, "at work: " + ("part 1 of 4: process" if held != WHOLE else "process") in out) == (0, True)
    assert not ledger.records()[0]


def test_parts_of_one_division_run_beside_each_other(cli, tmp_path):
    ledger = Ledger(str(tmp_path / "results"), "small")
    ledger.probe()
    with DriverLock(ledger.store, Part(1, 2)) as other:
        other.note_running(["0123456789abcdef"])
        assert cli(*RUN, "--shard", "2/2")[0] == 0
        other.check()
    assert len(ledger.records()[0]) == 3


def test_a_damaged_merged_file_waits_for_a_run_of_the_whole(cli, tmp_path):
    """Drivers of other parts may read it; a run without parts moves it aside, also where nothing is left to run."""
    assert cli(*RUN)[0] == cli("compact", SMALL)[0] == 0
    before = numbers(tmp_path / "results")
    (merged,) = (tmp_path / "results" / "small" / "summary").glob("compact-*.parquet")
    merged.write_bytes(merged.read_bytes()[:-1])
    for index in (1, 2):
        code, out, err = cli(*RUN, "--shard", f"{index}/2")
        assert (code, "Moved to quarantine/" in out) == (0, False), out + err
    assert merged.exists()
    assert cli("compact", SMALL)[0] == 2
    code, out, _ = cli(*RUN)
    assert (code, f"Moved to quarantine/: summary/{merged.name}" in out) == (0, True)
    assert "nothing to run" in out
    assert cli("compact", SMALL)[0] == 0
    assert numbers(tmp_path / "results") == before
