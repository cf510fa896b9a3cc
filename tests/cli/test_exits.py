"""Exit codes in odd surroundings: code that calls sys.exit, no home folder, no user name, no standard streams, a long TMPDIR."""

import os
import pwd
import subprocess
import sys

import pytest
from places import SMALL

from mtlray.cli.doctor import diagnose
from mtlray.running.scratch import LONGEST_PLACE, short_place

TEXT = SMALL.read_text()


@pytest.mark.parametrize("command", ["plan", "run", "status", "retry", "compact", "table"])
@pytest.mark.parametrize("code", ["0", "", "'words'"])
def test_a_sweep_file_that_exits_is_an_error(cli, tmp_path, command, code):
    (tmp_path / "s.py").write_text(f"import sys\n\nsys.exit({code})\n")
    exit_code, out, err = cli(command, "s.py")
    assert (exit_code, out) == (2, "")
    assert err.startswith("Error: s.py:3 should define SWEEP. Loading it failed: SystemExit")


@pytest.mark.parametrize("command", ["plan", "run", "status"])
def test_a_rule_that_exits_is_an_error(cli, tmp_path, command):
    changed = TEXT.replace("    seeds=range(2),", "    seeds=range(2),\n    rules=(leave,),")
    rule = "def leave(trial):\n    raise SystemExit(0)\n\n\nSWEEP = "
    (tmp_path / "s.py").write_text(changed.replace("SWEEP = ", rule))
    exit_code, out, err = cli(command, "s.py")
    assert (exit_code, out) == (2, "")
    assert err.startswith("Error: The rule `leave` failed for stl:left, fraction 0.25, seed 0. SystemExit: 0")


def test_a_data_set_that_exits_is_an_error(cli, tmp_path):
    dataset = (
        "@dataclass(frozen=True)\nclass Leaves(MultiMNIST):\n    def prepare(self, root):\n        raise SystemExit(0)\n\n"
        "    def load(self, root):\n        raise SystemExit(0)\n\n\nSWEEP = "
    )
    (tmp_path / "s.py").write_text(TEXT.replace("SWEEP = ", dataset).replace("dataset=MultiMNIST(", "dataset=Leaves("))
    exit_code, _, err = cli("run", "s.py", "--yes", "--in-process")
    assert exit_code == 2
    assert err == (
        "Error: Code of the sweep (a data set, a model, a rule) ended the program with `sys.exit(0)`. It should raise an error "
        "that says what is wrong, or return.\n"
    )


@pytest.fixture
def homeless(monkeypatch):
    """A container's user: no HOME, and no entry in the list of users."""

    def unknown(number):
        raise KeyError(number)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_home_commands_work_or_say_so(homeless, cli, tmp_path):
    (tmp_path / "s.py").write_text(TEXT)
    for command in ("plan", "status", "retry"):
        exit_code, _, err = cli(command, "s.py")
        assert (exit_code, err) == (0, ""), err
    assert cli("strategies")[0] == 0
    exit_code, _, err = cli("run", "s.py", "--yes", "--in-process", "--data", "~/elsewhere")
    assert exit_code == 2
    assert err == (
        "Error: `~` should be the home folder. There is none: HOME is not set, and the system knows no user "
        f"{os.getuid()}. Set HOME, or name each folder in full (--data, MTLRAY_DATA).\n"
    )


def test_without_a_home_trials_run_with_torch_s_kernels(homeless, monkeypatch):
    from mtlray.models.kernels import build

    monkeypatch.delenv("MTLRAY_KERNELS", raising=False)
    with pytest.raises(build.BuildError, match="Set HOME, or MTLRAY_KERNELS to a folder"):
        build._folder()


@pytest.mark.parametrize(
    "closed", [*(pytest.param(f, marks=pytest.mark.slow) for f in ("0<&-", "1>&-", "2>&-")), "0<&- 1>&- 2>&-"]
)
def test_commands_work_without_standard_streams(tmp_path, closed):
    (tmp_path / "s.py").write_text("no sweep")
    for arguments, code in (("--version", 0), ("plan s.py", 2)):
        command = f"{sys.executable} -m mtlray {arguments} {closed}"
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "closed", [*(pytest.param(f, marks=pytest.mark.slow) for f in ("0<&-", "0<&- 1>&-")), "0<&- 1>&- 2>&-"]
)
def test_a_launch_whose_input_is_closed_asks_nobody_and_starts(tmp_path, closed):
    (tmp_path / "s.py").write_text(TEXT)
    command = (
        f"{sys.executable} -m mtlray run s.py --in-process --steps 2 --strategies dwa --seeds 0:1 --data data {closed}"
    )
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(list((tmp_path / "results").glob("*/summary/*.parquet"))) > 0


def temporary(data):
    (check,) = [check for check in diagnose("s3://bucket", data) if check.what == "temporary folder"]
    return check


def test_doctor_shows_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    long = tmp_path / ("a" * 40)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    check = temporary(tmp_path)
    assert check.ok
    assert check.found == f"{short_place()}; {long} (TMPDIR or RAY_TMPDIR) is too long for Ray's sockets"
    monkeypatch.setattr("mtlray.running.scratch.places", lambda: [long])
    check = temporary(tmp_path)
    assert (check.ok, check.found) == (False, str(long))
    assert check.remedy == f"set TMPDIR or RAY_TMPDIR to a folder of at most {LONGEST_PLACE} bytes, or use --in-process"
