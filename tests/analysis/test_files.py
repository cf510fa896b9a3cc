"""mtlray.analysis.files: the form of a file by its ending, and a file that is whole or not there."""

import os
from pathlib import Path

import pandas as pd
import pytest

from mtlray.analysis import render_table, table
from mtlray.analysis.app import app, call
from mtlray.analysis.files import write
from mtlray.errors import SpecError


def written(sweep, out, *options):
    with pytest.raises(SystemExit) as ended:
        call(app, ["table", sweep.folder, "--out", str(out), *options])
    return ended.value.code


@pytest.mark.parametrize(("ending", "format"), [("txt", "text"), ("md", "markdown"), ("tex", "latex"), ("csv", "csv")])
def test_the_ending_says_the_form(complete, tmp_path, ending, format):
    out = tmp_path / f"table.{ending}"
    assert not written(complete, out)
    assert out.read_text(encoding="utf-8") == render_table(complete.folder, format=format) + "\n"


def test_html_is_a_page_of_its_own(complete, tmp_path):
    out = tmp_path / "table.html"
    assert not written(complete, out)
    page = out.read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert render_table(complete.folder, format="html") in page


def test_parquet_holds_the_frame(complete, tmp_path):
    out = tmp_path / "table.parquet"
    assert not written(complete, out)
    pd.testing.assert_frame_equal(pd.read_parquet(out), table(complete.folder), check_dtype=False)


def test_an_option_goes_before_the_ending(complete, tmp_path):
    out = tmp_path / "table.dat"
    assert not written(complete, out, "--format", "markdown")
    assert out.read_text(encoding="utf-8").startswith("**")


def test_another_ending_is_refused_before_anything_is_read(complete, tmp_path, capsys):
    out = tmp_path / "table.xlsx"
    assert written(complete, out) == 2
    assert (
        "Option --out should end with .txt, .md, .tex, .html, .csv, .parquet, or come with --format."
        in capsys.readouterr().err
    )
    assert not out.exists()


def test_a_file_is_replaced_whole_and_keeps_its_mode(tmp_path, monkeypatch):
    path = tmp_path / "table.md"
    path.write_text("before")
    path.chmod(0o640)
    write(path, b"after")
    assert path.read_text() == "after"
    assert path.stat().st_mode & 0o777 == 0o640

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(SpecError, match="No space left on device"):
        write(path, b"half")
    assert path.read_text() == "after"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.md"]


def test_what_is_no_file_is_written_to(tmp_path):
    write(tmp_path / "link", b"1")
    (tmp_path / "other").symlink_to(tmp_path / "link")
    write(tmp_path / "other", b"2")
    assert (tmp_path / "other").is_symlink()
    assert (tmp_path / "link").read_bytes() == b"2"
    write(Path(os.devnull), b"3")
    assert not Path(os.devnull).is_file()
