"""Signals, two drivers, full disks, moved folders, and readers beside a writer (F5, F6, F8, F9, F10, F18, F25, F26, F27)."""

import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from faultlib import N_TRIALS, NARROW, ROUNDS, SWEEP, Drivers, assert_same_results, shards, tree, wait_for

from mtlray.errors import ResultsError
from mtlray.results.ledger import Ledger
from mtlray.running.policy import INCOMPLETE, REQUEUE

# Longer trials, so that a signal meets one at work.
LONG = ("--seeds", "0:1", "--steps", "2000", "--in-process", "--yes", "--checkpoint-seconds", "1000")


def at_work(results):
    """Whether some trial trains."""
    return any(
        "training from step" in log.read_text() for log in (results / "small" / "trials").glob("*/attempt-*.log")
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (signal.SIGINT, INCOMPLETE),
        (signal.SIGTERM, REQUEUE),
        pytest.param(signal.SIGUSR1, REQUEUE, marks=pytest.mark.slow),
    ],
)
def test_a_signal_drains_to_a_checkpoint(tmp_path, data, drivers, number, expected):
    arguments = ("run", SWEEP, *LONG, "--results", tmp_path, "--data", data)
    running = drivers.start(*arguments)
    wait_for(lambda: at_work(tmp_path))
    running.kill(number)
    assert running.wait() == expected, running.output
    assert "Run the same command again to continue" in running.output
    assert "Traceback" not in running.output
    (checkpoint,) = (tmp_path / "small" / "trials").glob("*/checkpoint-*.pt")
    again = drivers.start(*arguments)
    wait_for(lambda: (checkpoint.parent / "attempt-2.log").exists())
    wait_for(lambda: "training from step" in (checkpoint.parent / "attempt-2.log").read_text())
    again.kill()
    again.wait()
    (step,) = re.findall(r"training from step (\d+)", (checkpoint.parent / "attempt-2.log").read_text())
    assert int(step) > 0


def test_a_driver_that_a_test_left_behind_says_nothing_in_the_next_one(tmp_path, data, server, drivers):
    """As after a test that ran out of time: its driver still runs, or has ended since."""
    left = Drivers(server, tmp_path)
    ended = left.start("--version")
    trains = left.start("run", SWEEP, *LONG, "--results", tmp_path / "left", "--data", data)
    code, output = drivers.run("run", tmp_path / "no-such-file.py")
    assert (code, "no file" in output) == (2, True), output
    assert trains.pid != ended.pid
    left.end()
    assert (ended.wait(), trains.wait()) == (0, -signal.SIGKILL)
    assert drivers.run("--version")[0] == 0


def test_ctrl_c_twice_stops_now(tmp_path, data, drivers):
    running = drivers.start("run", SWEEP, *LONG, "--results", tmp_path, "--data", data)
    wait_for(lambda: at_work(tmp_path))
    running.kill(signal.SIGSTOP)  # both signals must wait for it, so that the first cannot drain it before the second
    running.kill(signal.SIGINT)
    running.kill(signal.SIGCONT)
    wait_for(lambda: "Ctrl-C again stops now" in running.output)
    running.kill(signal.SIGINT)
    assert running.wait() == INCOMPLETE, running.output
    assert "Traceback" not in running.output


@pytest.mark.slow
@pytest.mark.timeout(120 + 30 * ROUNDS)
def test_two_drivers_at_once_never_share_a_trial(tmp_path, data, undisturbed, drivers):
    refused = 0
    for n in range(ROUNDS):
        results = tmp_path / str(n)
        results.joinpath("small").mkdir(parents=True)
        pair = [drivers.start("run", SWEEP, *NARROW, "--results", results, "--data", data) for _ in range(2)]
        codes = [running.wait() for running in pair]
        assert sorted(codes) in ([0, 0], [0, 2]), [running.output for running in pair]
        for code, running in zip(codes, pair, strict=True):
            if code == 2:
                refused += 1
                assert re.search(r"Another `mtlray` is working on this sweep \(process \d+ of .* on ", running.output)
        assert_same_results(results, undisturbed)
        starts = [len(list(p.glob("attempt-*.log"))) for p in (results / "small" / "trials").iterdir()]
        assert starts == [1] * N_TRIALS
    print(f"{ROUNDS} pairs, {refused} times the second was told")
    assert refused > 0


@pytest.mark.slow
@pytest.mark.parametrize("file_bytes", [3_000, 20_000, 100_000])
def test_a_full_disk_stops_the_sweep_with_one_line_and_nothing_is_lost(
    tmp_path, data, undisturbed, drivers, file_bytes
):
    """Files may not grow beyond a limit, as on a disk that is full: first the summary does not fit, then the checkpoint."""
    arguments = ("run", SWEEP, *NARROW, "--results", tmp_path, "--data", data)
    code, output = drivers.run(*arguments, file_bytes=file_bytes)
    assert code in (2, INCOMPLETE), output
    assert output.count("File too large") == 1, output
    assert "Traceback" not in output
    code, output = drivers.run(*arguments)
    assert code == 0, output
    assert_same_results(tmp_path, undisturbed)


@pytest.mark.slow
def test_a_small_disk_fills_up_and_is_emptied(tmp_path, data, undisturbed, drivers):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a tmpfs here")
    try:
        (disk / "ballast").write_bytes(b"\0" * 300_000)
        arguments = ("run", SWEEP, *NARROW, "--results", disk, "--data", data)
        code, output = drivers.run(*arguments)
        assert code in (2, INCOMPLETE), output
        assert "No space left on device" in output
        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        assert drivers.run(*arguments)[0] == 0
        assert_same_results(disk, undisturbed)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
def test_readers_change_nothing_while_a_driver_works_and_say_what_is(tmp_path, data, drivers):
    running = drivers.start("run", SWEEP, *LONG, "--results", tmp_path, "--data", data)
    wait_for(lambda: at_work(tmp_path))
    code, output = drivers.run("status", SWEEP, "--seeds", "0:1", "--steps", "2000", "--results", tmp_path)
    assert code == 0
    assert "1 running" in output, output
    assert f"at work: process {running.pid} " in output
    assert "interrupted" not in output
    running.kill(signal.SIGSTOP)  # so that only the readers could change anything
    before = tree(tmp_path)
    for verb in (("status",), ("status", "--json"), ("plan",), ("plan", "--why")):
        code, output = drivers.run(verb[0], SWEEP, *verb[1:], "--results", tmp_path)
        assert code == 0, output
    assert tree(tmp_path) == before
    running.kill()
    running.wait()


def test_a_folder_that_was_copied_touched_and_damaged_goes_on(tmp_path, data, undisturbed, drivers):
    """Moved, copied without its times, a file of each kind flipped, torn and emptied; what is whole does not run again."""
    shutil.copytree(undisturbed, tmp_path / "copy", copy_function=shutil.copyfile)
    results = tmp_path / "moved"
    (tmp_path / "copy").rename(results)
    for n, path in enumerate(sorted(results.rglob("*.parquet"))):
        os.utime(path, (n, 2_000_000_000 - n))  # before and after every clock
    arguments = ("run", SWEEP, *NARROW, "--results", results, "--data", data)
    before = shards(results)
    code, output = drivers.run(*arguments)
    assert (code, "All 4 trials are finished" in output) == (0, True), output
    assert shards(results) == before
    first, second, third, _ = sorted((results / "small" / "summary").iterdir())
    first.write_bytes(b"")
    whole = second.read_bytes()
    second.write_bytes(whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:])
    (curves,) = (results / "small" / "curves").glob(f"*/{third.stem}.parquet")
    curves.write_bytes(curves.read_bytes()[:-1])
    code, output = drivers.run("status", SWEEP, *NARROW[:4], "--results", results)
    assert "1 done, 3 damaged of 4 trials" in output, output
    code, output = drivers.run(*arguments)
    assert code == 0, output
    assert output.count("Moved to quarantine/: ") == 3, output
    assert len(list((results / "small" / "quarantine").iterdir())) == 3
    assert_same_results(results, undisturbed)


@pytest.mark.slow
def test_shards_truncated_at_every_byte_of_their_footers_are_named(tmp_path, undisturbed):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    ledger = Ledger(str(tmp_path), "small")
    folder = tmp_path / "small"
    for path in (next((folder / "summary").iterdir()), next((folder / "curves").glob("*/*"))):
        whole = path.read_bytes()
        footer = int.from_bytes(whole[-8:-4], "little") + 8
        for length in range(len(whole) - footer, len(whole)):
            path.write_bytes(whole[:length])
            records, damaged = ledger.records()
            assert (len(records), damaged) == (N_TRIALS - 1, [str(path.relative_to(folder))])
        path.write_bytes(whole)
        print(f"{footer} truncations of {path.parent.parent.name}")
    assert len(ledger.records()[0]) == N_TRIALS


def test_a_torn_sweep_file_never_starts_over_in_silence(tmp_path, undisturbed):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    ledger = Ledger(str(tmp_path), "small")
    whole = (tmp_path / "small" / "sweep.json").read_bytes()
    moments = random.Random(0)
    for length in sorted(moments.sample(range(len(whole)), 100)):
        (tmp_path / "small" / "sweep.json").write_bytes(whole[:length])
        with pytest.raises(ResultsError, match="should hold a sweep as `mtlray run` wrote it"):
            ledger.read_sweep()
        assert len(ledger.records()[0]) == N_TRIALS


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.xdist_group("ray")
def test_sigterm_to_the_whole_group_then_sigkill(tmp_path, data):
    """As Slurm does: every process of the step gets SIGTERM, and what is left gets SIGKILL after the grace period."""
    import sys

    command = [sys.executable, "-c", "from mtlray.cli import main; main()", "run", SWEEP, "--yes", "--workers", "2"]
    command += [
        "--steps",
        "4000",
        "--checkpoint-seconds",
        "0.5",
        "--grace-seconds",
        "10",
        "--results",
        tmp_path,
        "--data",
        data,
    ]
    with (tmp_path / "output").open("wb") as output:
        driver = subprocess.Popen(list(map(str, command)), start_new_session=True, stdout=output, stderr=output)
        trials = tmp_path / "small" / "trials"
        wait_for(lambda: list(trials.glob("*/checkpoint-*.pt")))
        os.killpg(driver.pid, signal.SIGTERM)
        began = time.monotonic()
        try:
            code = driver.wait(timeout=30)
        finally:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
    text = (tmp_path / "output").read_text()
    assert code == REQUEUE, (code, time.monotonic() - began, text)
    assert list(trials.glob("*/checkpoint-*.pt"))
