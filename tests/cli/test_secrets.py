"""Credentials in a URI stand in nothing that is printed or stored, whatever the command and whatever comes of it."""

import pytest
from places import SMALL
from pyarrow import fs

from mtlray.storage.store import Store

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("s3")]  # warnings of moto's imports

NARROW = ("--strategies", "dwa", "--seeds", "0:1", "--steps", "4")
RUN = ("--in-process", "--yes", *NARROW)


@pytest.fixture
def told(cli):
    """Call a command line; returns what it printed, having looked through it."""

    def call(*arguments, code=0):
        found, out, err = cli(*arguments)
        assert found == code, out + err
        for text in (out, err):
            assert "hush" not in text, (arguments, text)
        return out + err

    return call


def stored(uri):
    """Every file of an object store's bucket, by its path."""
    store = Store(uri)
    system, path = store._fs, store._root
    files = system.get_file_info(fs.FileSelector(path.partition("/")[0], recursive=True))
    return {info.path: system.open_input_file(info.path).read() for info in files if info.is_file}


@pytest.mark.parametrize(
    "secret",
    [lambda uri: uri.replace("://", "://HUSHKEY:hush%2Fhush@"), lambda uri: f"{uri}?access_key=hush&token=hu%2Fhush"],
)
def test_a_whole_sweep(server, uri, told, tmp_path, data_root, secret):
    place = secret(uri)
    if "?" in place:  # pyarrow refuses options that it does not know, and says the URI
        assert "Unexpected query parameter" in told("plan", SMALL, *NARROW, "--results", place, code=2)
        return
    at = ("--results", place)
    assert f"{uri.replace('://', '://***@')}/small" in told("plan", SMALL, *NARROW, *at)
    said = told("run", SMALL, *RUN, *at, "--data", data_root, "--data-from", place + "/data", code=2)
    assert "Found nothing there" in said
    told("data", "push", SMALL, "--to", place + "/data", "--data", data_root)
    said = told("run", SMALL, *RUN, *at, "--data", tmp_path / "node", "--data-from", place + "/data")
    assert "summary   s3://***@bucket" in said
    for command in (("status", SMALL, *NARROW), ("plan", SMALL, "--why"), ("compact", SMALL), ("retry", SMALL)):
        told(*command, *at)
    told("status", SMALL, *at, "--json")
    told("table", f"{place}/small")
    told("table", SMALL, *NARROW, *at, "--format", "csv")
    told("report", f"{place}/small", "--out", "report.html")
    told("table", f"{place}/nowhere", code=2)
    told("export", "tensorboard", SMALL, *at, "--to", "runs")
    told("doctor", *at, "--data", data_root, code=0)
    files = stored(uri) | {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert sum("/small/" in name for name in files) >= 4
    for name, data in files.items():
        assert b"hush" not in data, name


def test_errors_of_others_and_of_typer(told, tmp_path):
    """A refusal quotes what was typed, and so do pyarrow and typer."""
    uri = "s3://KEY:hush/hush@bucket/folder?token=hush"
    for option in ("--data", "--tensorboard"):
        told("run", SMALL, "--in-process", option, uri, code=2)
    told("run", SMALL, "--seeds", uri, code=2)
    told("run", SMALL, uri, code=2)
    told("plan", uri, code=2)
    told("table", uri.replace("s3", "nothing"), code=2)
    told("plan", SMALL, "--results", uri.replace("s3://", "s3:/"), code=2)
    told("launch-script", "ray-up", SMALL, "--image", "i", "--results", uri, code=2)
    told("launch-script", "slurm", SMALL, "--", "--results", uri, code=2)
    told("new", uri, code=2)
    assert not list(tmp_path.glob("*.py"))


def test_the_sweep_files_text_is_stored_without(told, tmp_path, data_root):
    """What a sweep file fails with goes to logs, attempts and summaries."""
    broken = (
        "from dataclasses import dataclass\nfrom typing import ClassVar\n\n\n@dataclass(frozen=True)\nclass Broken(DWA):\n"
        "    key: ClassVar[str] = 'broken'\n\n    def combine(self, losses, state):\n"
        "        raise ValueError('no answer from https://me:hush@host/x?token=hush')\n\n\n"
    )
    text = SMALL.read_text().replace("SWEEP = ", broken + "SWEEP = ").replace("DWA(), ", "Broken(), ")
    (tmp_path / "mine.py").write_text(text)
    narrow = ("--strategies", "broken", "--steps", "4", "--seeds", "0:1")
    said = told("run", "mine.py", "--in-process", "--yes", *narrow, "--data", data_root, code=1)
    assert "no answer from https://***@host/x?token=***" in said
    told("status", "mine.py", *narrow)
    told("table", "results/small", "--format", "csv")
    found = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*") if path.is_file()}
    assert {path.name for path in found} >= {"sweep.json", "attempts.json", "attempt-1.log"}
    for path, data in found.items():
        assert b"hush" not in data, path
    assert b"https://***@host" in found[tmp_path / "results" / "small" / "sweep.json"]


def test_a_spec_holds_none(told, tmp_path):
    strategy = (
        "from dataclasses import dataclass\nfrom typing import ClassVar\n\n\n@dataclass(frozen=True)\nclass Remote(DWA):\n"
        "    place: str = 's3://KEY:hush@bucket'\n    key: ClassVar[str] = 'remote'\n\n\n"
    )
    text = SMALL.read_text().replace("SWEEP = ", strategy + "SWEEP = ").replace("DWA(), ", "Remote(), ")
    (tmp_path / "mine.py").write_text(text)
    assert "A spec should hold no credentials" in told("plan", "mine.py", code=2)
