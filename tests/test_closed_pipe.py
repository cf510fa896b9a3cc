"""mtlray.closed_pipe: `| head` ends a command by SIGPIPE and without a word, whatever the command."""

import os
import signal
import subprocess
import sys

import pytest
from places import ASSETS, ROOT

from mtlray.closed_pipe import ends_with_its_reader
from mtlray.results.ledger import Ledger

QUICKSTART = str(ROOT / "sweeps" / "quickstart.py")
MTLRAY = [sys.executable, "-c", "from mtlray.cli import main; main()"]
RESULTS = str(ASSETS / "results_version_1" / "old")


def unread(command) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose output goes to a pipe that is closed already."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    "command",
    [[*MTLRAY, "--help"], [*MTLRAY, "strategies"], [*MTLRAY, "plan", QUICKSTART]],
    ids=lambda command: command[3],
)
def test_mtlray_ends_by_sigpipe(command):
    found = unread(command)
    assert (found.returncode, found.stderr) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize(
    "command", [["table", "--select", "last"], ["table", "--select", "last", "--kind", "cost"]], ids=["table", "cost"]
)
def test_tables_end_by_sigpipe(command):
    for program in (MTLRAY, [sys.executable, "-m", "mtlray.analysis"]):
        found = unread([*program, *command, RESULTS])
        assert (found.returncode, found.stderr) == (-signal.SIGPIPE, b"")


def test_what_is_read_whole_is_no_error():
    found = subprocess.run([*MTLRAY, "--version"], capture_output=True)
    assert (found.returncode, found.stderr) == (0, b"")
    assert found.stdout.startswith(b"mtlray ")


def test_a_broken_pipe_elsewhere_stays_an_error(capfd):
    with pytest.raises(BrokenPipeError, match="of a server"), ends_with_its_reader():
        raise BrokenPipeError("of a server")


def test_exit_codes_pass(capfd):
    with pytest.raises(SystemExit, match="3"), ends_with_its_reader():
        sys.exit(3)


def test_cleanup_has_run_when_the_process_ends():
    code = """
import sys
from mtlray.closed_pipe import ends_with_its_reader
from mtlray.results.ledger import Ledger
with ends_with_its_reader():
    try:
        print("x" * 100_000)
    finally:
        print("cleaned", file=sys.stderr)
"""
    found = unread([sys.executable, "-c", code])
    assert (found.returncode, found.stderr) == (-signal.SIGPIPE, b"cleaned\n")


def test_a_sweep_goes_on_when_nobody_reads_it(tmp_path):
    options = ["--steps", "20", "--seeds", "0", "--strategies", "equal,dwa", "--in-process", "--yes"]
    folders = ["--results", str(tmp_path / "results"), "--data", str(tmp_path / "data")]
    found = unread([*MTLRAY, "run", QUICKSTART, *options, *folders])
    assert (found.returncode, found.stderr) == (0, b"")
    summary = Ledger(str(tmp_path / "results"), "quickstart").summary()[0]
    assert set(summary["state"].to_pylist()) == {"done"}
    assert len(set(summary["trial_id"].to_pylist())) == 4  # two strategies, two fractions


def test_an_output_that_the_shell_closed():
    found = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *MTLRAY, "--version"], capture_output=True)
    assert b"Traceback" not in found.stderr
