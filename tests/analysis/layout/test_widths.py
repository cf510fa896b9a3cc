"""Text fits the terminal, LaTeX the page, and many tasks begin with their mean."""

import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pytest
from fabricated import DATASET, Sweep, varied_sweep

from mtlray.analysis import TableOptions, render_table
from mtlray.analysis.app import app, call
from mtlray.results.ledger import SUMMARY

TWO = ("left", "right")
FOURTEEN = tuple(f"Class{i}" for i in range(1, 15))
METRICS = {"accuracy": ("%", True), "f1": ("%", True), "hamming_loss": ("1", False)}


def sweep_of(folder, strategies, *, metrics=("accuracy",), n=3, fractions=(1.0,), levels=None) -> Sweep:
    sweep, rng, rows = Sweep(folder, "wide", published=None), np.random.default_rng(4), []
    for strategy, tasks in strategies.items():
        for fraction in fractions:
            for seed in range(n):
                trial = sweep.plan(strategy, tasks, seed=seed, fraction=fraction, write=False)
                for metric in metrics:
                    unit, up = METRICS[metric]
                    values = {t: 80 + rng.normal() if levels is None else levels(strategy, t, seed) for t in tasks}
                    about = {"metric": metric, "unit": unit, "higher_is_better": up, "trivial": 50.0, "perfect": 100.0}
                    rows += sweep.rows(trial, values, **about)
    sweep.ledger.write_sweep(sweep.description)
    sweep.ledger.commit("compact-0-0", DATASET, None, pa.Table.from_pylist(rows, schema=SUMMARY))
    return sweep


def small(folder):
    return sweep_of(
        folder, {"stl:left": ("left",), "stl:right": ("right",), "equal": TWO, "dwa": TWO}, fractions=(1.0, 0.25)
    )


def forty(folder):
    return sweep_of(folder, {**{f"stl:{t}": (t,) for t in TWO}, **{f"s{i}(temperature={i})": TWO for i in range(38)}})


def fourteen(folder, **options):
    return sweep_of(
        folder, {**{f"stl:{t}": (t,) for t in FOURTEEN}, **dict.fromkeys(("equal", "dwa"), FOURTEEN)}, **options
    )


@pytest.mark.parametrize("kind", ["cells", "leaderboard", "compare", "cost"])
@pytest.mark.parametrize("make", [small, forty, fourteen], ids=lambda make: make.__name__)
def test_no_line_is_longer_than_80(tmp_path, make, kind):
    rendered = render_table(make(tmp_path).folder, TableOptions(kind=kind))
    assert max(map(len, rendered.splitlines())) <= 80


def test_columns_is_honoured(tmp_path, monkeypatch, capsys):
    folder = small(tmp_path).folder
    lengths = []
    for columns in ("60", "80", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        with pytest.raises(SystemExit):
            call(app, ["table", folder])
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= int(columns)
        lengths.append(sum(line.startswith("strategy ") for line in lines))
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 1


def test_a_measure_with_many_fractions_is_cut_between_them(tmp_path):
    sweep = sweep_of(tmp_path, {"equal": ("left",)}, fractions=tuple(i / 10 for i in range(1, 11)))
    rendered = render_table(sweep.folder)
    assert max(map(len, rendered.splitlines())) <= 80
    heads = [line for line in rendered.splitlines() if line.startswith("strategy ")]
    assert len(heads) > 1
    assert " ".join(head.removeprefix("strategy") for head in heads).split("%")[0].split() == ["100"]
    assert sum(head.count("%") for head in heads) == 10


def test_many_tasks_begin_with_their_mean(tmp_path):
    sweep = fourteen(
        tmp_path,
        metrics=("accuracy", "f1"),
        levels=lambda strategy, task, seed: int(task[5:]) + seed + (strategy == "dwa"),
    )
    rendered = render_table(sweep.folder)
    lines = rendered.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("strategy "))
    assert lines[first - 2].split()[:4] == ["all", "tasks", "Class1", "Class2"]
    assert "mean accuracy [%] ↑" in lines[first - 1]
    # The mean of 1 to 14 is 7.5, and those of the seeds 7.5, 8.5 and 9.5.
    rows = {line.split()[0]: line.split()[1:4] for line in lines[first + 2 : first + 6]}
    assert rows["single-task"] == rows["equal"] == ["8.50", "±", "1.00"]
    assert rows["dwa"] == ["9.50", "±", "1.00"]
    assert "f1 [%]" not in rendered
    words = " ".join(rendered.split())
    assert "all tasks: mean over the 14 tasks of their main metric, seed by seed; it bears no mark." in words
    assert "shown with --metrics '*': f1." in words
    assert render_table(sweep.folder, TableOptions(metrics="*")).count("f1 [%]") == 14


def test_tasks_of_several_kinds_are_summed_up_by_skill(tmp_path):
    """(v − trivial) / (perfect − trivial): 0.75 of 50 to 100, and 0.2 of 4 to 0."""
    tasks, sweep, rows = ("a", "b", "c", "d", "e"), Sweep(tmp_path, "mixed", published=None), []
    trial = sweep.plan("equal", tasks)
    for task in tasks:
        up = task != "e"
        about = {"metric": "accuracy" if up else "error", "unit": "%" if up else "m", "higher_is_better": up}
        bounds = {"trivial": 50.0, "perfect": 100.0} if up else {"trivial": 4.0, "perfect": 0.0}
        rows += sweep.rows(trial, {task: 87.5 if up else 3.2}, **about, **bounds)
    sweep.ledger.commit("compact-0-0", DATASET, None, pa.Table.from_pylist(rows, schema=SUMMARY))
    lines = render_table(sweep.folder).splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("strategy "))
    assert "mean skill [%] ↑" in lines[first - 1]
    assert lines[first + 2].split()[:2] == ["equal", f"{100 * (4 * 0.75 + 0.2) / 5:.2f}"]
    assert lines[first + 3].split()[:3] == ["best", "constant", "0.00"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here; its structure is tested elsewhere")
@pytest.mark.parametrize("document", ["article", "twocolumn"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (small, "cells"),
        (forty, "cells"),
        (fourteen, "cells"),
        (varied_sweep, "cells"),
        (forty, "leaderboard"),
        (varied_sweep, "compare"),
        (varied_sweep, "cost"),
        (varied_sweep, "selection"),
    ],
)
def test_latex_compiles_within_the_page(tmp_path, make, kind, document):
    body = render_table(make(tmp_path / "results").folder, TableOptions(kind=kind), format="latex")
    if document == "twocolumn" and "longtable" in body:
        pytest.skip("a longtable stands after \\onecolumn, as its first line says")
    options = "[twocolumn]" if document == "twocolumn" else ""
    packages = r"\usepackage{booktabs,longtable,siunitx}"
    label = body.partition(r"\label{")[2].partition("}")[0]
    text = rf"\documentclass{options}{{article}}{packages}\begin{{document}}{body} See Table~\ref{{{label}}}.\end{{document}}"
    (tmp_path / "table.tex").write_text(text, encoding="utf-8")
    for _ in range(3):  # a longtable finds its columns' widths in several runs
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout[-3000:]
    assert "Overfull" not in run.stdout
    assert "undefined" not in run.stdout
    assert "Float too large" not in run.stdout
