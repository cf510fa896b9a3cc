"""python -m mtlray.analysis: exit codes, messages, and that it needs neither torch nor ray."""

import os
import subprocess
import sys

import pytest
from places import ROOT

from mtlray.analysis import TableOptions, render_table
from mtlray.analysis.app import app, call
from mtlray.analysis.figures import draw
from mtlray.analysis.grid.arranging import arranged
from mtlray.analysis.grid.load import load


@pytest.fixture
def main(capsys):
    """Call the command line in this process; returns exit code, stdout and stderr."""

    def called(*arguments):
        with pytest.raises(SystemExit) as ended:
            call(app, [*map(str, arguments)])
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return called


def test_prints_the_table(complete, main):
    expected = render_table(complete.folder, TableOptions(against="gong2019", select="last"))
    assert main("table", complete.folder, "--against", "gong2019", "--select", "last") == (0, expected + "\n", "")


def test_writes_to_a_file(complete, main, tmp_path):
    out = tmp_path / "table.csv"
    assert main("table", complete.folder, "--format", "csv", "--out", out) == (0, "", "")
    assert out.read_text(encoding="utf-8") == render_table(complete.folder, format="csv") + "\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--select", "best"], "There is no selection rule `best`."),
        (["--format", "pdf"], "There is no format `pdf`."),
        (["--against", "gong2020"], "There is no published table `gong2020`. Did you mean `gong2019:"),
        (["--out", "/", "--format", "text"], "Is a directory"),
    ],
)
def test_errors_are_one_paragraph_and_exit_code_2(complete, main, arguments, message):
    code, out, err = main("table", complete.folder, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert message in err
    assert err.count("\n") == 1


def test_no_results(tmp_path, main):
    code, _, err = main("table", tmp_path)
    assert code == 2
    assert "Found none" in err


def test_help_and_a_wrong_option(main):
    code, out, _ = main("--help")
    assert code == 0
    assert all(name in out for name in ("table", "report", "figures"))
    assert main()[0] == 2
    code, _, err = main("table", "results", "--seeds", "0:3")
    assert code == 2
    assert "--seeds" in err


def test_runs_as_a_module_where_the_terminal_knows_ascii_only(complete):
    run = subprocess.run(
        [sys.executable, "-m", "mtlray.analysis", "table", complete.folder],
        cwd=ROOT,
        env={"PATH": "", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, b"")
    assert "±" in run.stdout.decode()


def test_imports_neither_torch_nor_ray():
    code = "import sys, mtlray.analysis.app; print([m for m in ('torch', 'ray') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "[]", run.stderr


def test_a_backend_that_is_not_installed_breaks_no_figure(complete, tmp_path):
    command = [sys.executable, "-m", "mtlray.analysis", "figures", complete.folder, "--out", tmp_path / "figures"]
    surroundings = os.environ | {"MPLBACKEND": "nowhere"}
    run = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert any((tmp_path / "figures").iterdir())


@pytest.mark.parametrize("command", ["figures", "report"])
def test_figures_and_reports_have_fractions_in_their_own_places(complete, main, tmp_path, command):
    code, _, err = main(command, complete.folder, "--by", "fraction", "--out", tmp_path / "out")
    assert (code, "Found `fraction`, of which figures and reports have panels." in err) == (2, True)


def test_a_figure_says_by_which_condition_its_trials_were_chosen(complete):
    results = arranged(load(complete.folder), where="fraction == 1")
    assert draw(results, "ranks").caption.endswith(" Only trials where fraction == 1.")
    assert "Only trials" not in draw(load(complete.folder), "ranks").caption


def test_two_sweeps_stand_side_by_side(make_sweep, main):
    folders = []
    for name in ("fast", "slow"):
        sweep = make_sweep(name=name)
        for seed in range(2):
            sweep.finish(sweep.plan("equal", ["left"], seed=seed), {"left": 90.0 + seed})
        folders.append(sweep.folder)
    code, out, _ = main("table", *folders)
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines() if line.startswith("equal ")] == [
        ["equal", "[fast]"],
        ["equal", "[slow]"],
    ]
