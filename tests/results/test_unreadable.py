"""A disk that does not let itself be read says nothing about a file: each reader tries again, then stops, and nothing moves."""

import dataclasses
import errno
import shutil

import pytest
from bad_disk import NUMBERS, BadDisk, words
from faultlib import tree
from life import DATASET, TRIALS, tables
from places import ASSETS

from mtlray.errors import StoreError
from mtlray.results.ledger import Ledger
from mtlray.running.resuming import checkpoints_of
from mtlray.specs.sweepfile import load_sweep

ASSET = ASSETS / "results_version_5"
SWEEP = ASSET / "sweep_version_5.py"
TRIAL, _ = load_sweep(SWEEP)


@pytest.fixture
def disk(monkeypatch):
    return BadDisk(monkeypatch)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two trials in merged files, two in their own; one that was started, with checkpoints."""
    results = tmp_path_factory.mktemp("made")
    ledger = Ledger(str(results), "sweep")
    ledger.write_sweep({"trials": TRIALS})
    for trial_id in TRIALS[:2]:
        ledger.commit(trial_id, DATASET, *tables(trial_id))
    ledger.compact()
    for trial_id in TRIALS[2:]:
        ledger.commit(trial_id, DATASET, *tables(trial_id))
    folder = ledger.folder("f" * 16)
    folder.start("launch", "spec", "device").finish("worker lost", "why")
    folder.checkpoints.write(b"one")
    folder.checkpoints.write(b"two")
    return results


@pytest.fixture
def ledger(made, tmp_path):
    shutil.copytree(made, tmp_path / "results")
    return Ledger(str(tmp_path / "results"), "sweep")


def checkpoints(ledger):
    trial = dataclasses.replace(TRIAL.trials()[0])
    object.__setattr__(trial, "trial_id", "f" * 16)
    return list(checkpoints_of(trial, ledger.folder("f" * 16).checkpoints, "", lambda line: None))


OF_SUMMARIES = [
    Ledger.records,
    lambda ledger: ledger.records(every_byte=False),
    Ledger.summary,
    Ledger.quarantine,
    Ledger.compact,
]
OF_CURVES = [
    Ledger.records,
    lambda ledger: ledger.records(every_byte=False),
    Ledger.quarantine,
    Ledger.compact,
    lambda ledger: ledger.curves(DATASET),
]
READERS = {
    "summary": ("/summary", OF_SUMMARIES),
    "one summary": (f"/summary/{TRIALS[3]}", [*OF_SUMMARIES, lambda ledger: ledger.ending(TRIALS[3])]),
    "merged summaries": ("/summary/compact-", OF_SUMMARIES),
    "curves": ("/curves", OF_CURVES),
    "one curve": (f"/curves/{DATASET}/{TRIALS[3]}", OF_CURVES),
    "merged curves": (f"/curves/{DATASET}/compact-", OF_CURVES),
    "attempts": ("attempts.json", [lambda ledger: ledger.folder("f" * 16).begin("a", "host", 1),
                                   lambda ledger: ledger.folder("f" * 16).settle("a"),
                                   lambda ledger: ledger.folder("f" * 16).forgive()]),
    "newest checkpoint": ("checkpoint-2", [checkpoints]),
    "sweep": ("sweep.json", [Ledger.read_sweep]),
    "started": ("/trials", [Ledger.started]),
}  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS, ids=words)
@pytest.mark.parametrize(("part", "readers"), READERS.values(), ids=READERS.keys())
def test_each_reader_stops_with_the_reason_and_nothing_is_moved(ledger, disk, part, readers, number):
    before, records = tree(ledger.store.local), ledger.records()
    for read in readers:
        with pytest.MonkeyPatch.context() as monkeypatch:
            BadDisk(monkeypatch).fails(part, number)
            with pytest.raises(
                StoreError, match=r"should be readable\. Found: .*, 4 times within a second\. It was left as"
            ):
                read(Ledger(ledger.results, ledger.sweep))  # which has read nothing yet
        assert tree(ledger.store.local) == before
    assert ledger.records() == records


@pytest.mark.parametrize("part", ["/summary", "/curves", "compact-", "attempts.json", "sweep.json"])
def test_a_disk_that_comes_back_costs_nothing(ledger, disk, part):
    whole = [
        ledger.records(),
        ledger.summary(),
        ledger.curves(DATASET),
        ledger.read_sweep(),
        ledger.folder("f" * 16).attempts(),
    ]
    disk.fails(part, errno.ESTALE, times=3)
    assert [
        ledger.records(), ledger.summary(), ledger.curves(DATASET), ledger.read_sweep(), ledger.folder("f" * 16).attempts(),
    ] == whole  # fmt: skip
    assert disk.failures == 3


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "Get the right to read it from its owner"),
        (errno.ESTALE, "Check the network disk that it is on, and mount it again"),
        (errno.EIO, "Check the disk that it is on"),
        (errno.EMFILE, "Raise the limit of open files"),
    ],
)
def test_the_remedy_is_that_of_the_cause(ledger, disk, number, remedy):
    disk.fails("sweep.json", number)
    with pytest.raises(StoreError, match=remedy):
        ledger.read_sweep()


def test_what_is_wrong_is_damaged_all_the_same(ledger, disk):
    path = ledger.store.local / "summary" / f"{TRIALS[3]}.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    disk.fails(str(path), errno.EIO, times=2)
    assert ledger.quarantine() == [f"summary/{TRIALS[3]}.parquet"]


@pytest.mark.parametrize("part", ["/summary/", "/curves/", "driver.json"])
@pytest.mark.parametrize(
    "verb", [("status",), ("plan",), ("run", "--in-process", "--yes"), ("retry",), ("compact",)], ids=" ".join
)
def test_commands_end_with_one_paragraph(cli, tmp_path, verb, part):
    shutil.copytree(ASSET / "version_5", tmp_path / "results" / "version_5")
    before = tree(tmp_path / "results")
    if part == "driver.json":
        (tmp_path / "results" / "version_5" / part).write_bytes(b"{}")
        before = tree(tmp_path / "results")
    with pytest.MonkeyPatch.context() as monkeypatch:
        BadDisk(monkeypatch).fails(part, errno.ESTALE)
        code, out, err = cli(verb[0], SWEEP, *verb[1:], "--results", tmp_path / "results")
    assert tree(tmp_path / "results") == before
    if (verb[0], part) != ("plan", "driver.json"):  # a plan does not ask who is at work
        assert code == 2, out + err
        assert "should be readable. Found: " in err
        assert "Traceback" not in err
