"""`mtlray report` and `mtlray figures`, and the same without torch: what is written, what is said, what is refused."""

import sys

import pytest

from mtlray.analysis.app import app
from mtlray.cli import main

DATASET = "multi_mnist-left-right"


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """Call the command line in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mtlray", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.fixture
def small(with_curves):
    return with_curves({"equal": ("left", "right")}, fractions=(1.0,), n_seeds=1)


def test_report_writes_one_file(cli, small, tmp_path):
    assert cli("report", small.folder, "--out", "mine.html") == (0, "report    mine.html\n", "")
    assert "<h1>curves</h1>" in (tmp_path / "mine.html").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.html", "results"]


def test_figures_writes_those_asked_for(cli, small, tmp_path):
    code, out, _ = cli("figures", small.folder, "--kind", "learning,cosine", "--formats", "svg", "--out", "drawn")
    assert code == 0
    assert out.splitlines()[0] == f"drawn/{DATASET}.learning.svg"
    assert out.splitlines()[1].startswith(f"no figure {DATASET}.cosine: ")
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == [f"{DATASET}.learning.svg"]


def test_the_same_without_torch_or_ray(small, tmp_path, capsys):
    app(["report", small.folder, "--out", str(tmp_path / "a.html")], standalone_mode=False)
    assert "<h1>curves</h1>" in (tmp_path / "a.html").read_text()
    figures = ["figures", small.folder, "--kind", "learning", "--formats", "png", "--out", str(tmp_path / "figures")]
    app(figures, standalone_mode=False)
    assert (tmp_path / "figures" / f"{DATASET}.learning.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "RESULTS", "--select", "best"], "There is no selection rule `best`"),
        (["figures", "RESULTS", "--kind", "leaning"], "Did you mean `learning`?"),
        (["figures", "RESULTS", "--formats", "gif"], "Valid names: pdf, png, svg"),
        (["report", "RESULTS", "--seeds", "0:3"], "`mtlray report SWEEP.py --seeds 0:3`"),
        (["report", "elsewhere"], "should hold a sweep's results"),
        (["report", "RESULTS", "--out", "no/such/folder.html"], "no/such/folder.html"),
    ],
)
def test_bad_requests_are_one_paragraph_and_code_two(cli, small, arguments, said, tmp_path):
    code, out, err = cli(*(small.folder if a == "RESULTS" else a for a in arguments))
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
