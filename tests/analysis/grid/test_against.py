"""Our table beside a published one: all four of Gong et al. 2019 in their layout, and whether they are apart."""

import csv
import io
import os

import pytest
from fabricated import published_sweep
from places import GOLDEN

from mtlray.analysis import TableOptions, render_table
from mtlray.analysis.grid.published_tables import TABLES, gong2019
from mtlray.analysis.statistics import published_interval


def lines_of(rendered: str, start: str) -> list[str]:
    return [line for line in rendered.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("name", [table.name for table in gong2019.TABLES])
def test_simulated_results_as_printed_agree_in_every_cell(tmp_path, name):
    sweep = published_sweep(tmp_path, name, TABLES[name].dataset, {})
    rendered = render_table(sweep.folder, TableOptions(select="best_test", against="gong2019"))
    rows = list(csv.DictReader(io.StringIO(render_table(sweep.folder, TableOptions(against=name), format="csv"))))
    assert len([row for row in rows if row["published_mean"]]) == len(TABLES[name].numbers())
    assert all(float(row["mean"]) == pytest.approx(float(row["published_mean"])) for row in rows)
    differences = [
        word
        for line in lines_of(rendered, "  ours − paper")
        for word in line.split()[3:]
        if "." in word and "(" not in word
    ]
    assert len(differences) == len(TABLES[name].numbers())
    assert {float(word.strip("~+")) for word in differences} == {0.0}
    counted = sum(number.spread is not None for number in TABLES[name].numbers().values())
    assert f"0 of {counted} cells are apart" in " ".join(rendered.split())
    if name != "gong2019:2":  # which has one task
        assert len(lines_of(rendered, "single-task ")) == len(lines_of(rendered, "equal "))
        assert not lines_of(rendered, "stl:")


@pytest.mark.parametrize(("format", "ending"), [("text", "txt"), ("latex", "tex")])
def test_golden(tmp_path, format, ending):
    """Table 3, with one cell moved far away. UPDATE_GOLDEN=1 rewrites the files; read the difference."""
    sweep = published_sweep(tmp_path, "gong2019:3", "nyuv2", {("dwa", "miou_legacy"): 2.0})
    rendered = render_table(sweep.folder, TableOptions(select="best_test", against="gong2019"), format=format) + "\n"
    path = GOLDEN / f"table-nyuv2.{ending}"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")
    # Ours stray by half a per cent of the mean, which is more than most of the paper's deviations.
    words = " ".join(rendered.split())
    assert "1 of 45 cells are apart" in words
    assert "Undecided does not mean equal." in words


def test_intervals_by_hand(tmp_path):
    sweep = published_sweep(tmp_path, "gong2019:4", "imdb_wiki", {("equal", "accuracy"): 3.0})
    rows = list(csv.DictReader(io.StringIO(render_table(sweep.folder, TableOptions(against="gong2019"), format="csv"))))
    row = next(r for r in rows if r["strategy"] == "equal" and r["metric"] == "accuracy")
    # Ours: 72.24 + 3 ± 0.3612 over 3 seeds, t = 4.303; the paper's: 72.24 ± 0.33 over 10 runs, t = 2.262.
    assert float(row["interval_low"]) == pytest.approx(75.24 - 4.303 * 0.3612 / 3**0.5, abs=1e-3)
    assert float(row["published_high"]) == pytest.approx(72.24 + 2.262 * 0.33 / 10**0.5, abs=1e-3)
    assert float(row["published_high"]) == pytest.approx(float(published_interval(72.24, 0.33, 10).high))


def test_a_cell_without_its_seeds_has_no_interval(complete):
    complete.ledger.forget([complete.description["trials"][0]["trial_id"]])
    rows = list(
        csv.DictReader(io.StringIO(render_table(complete.folder, TableOptions(against="gong2019"), format="csv")))
    )
    assert [row["interval_low"] == "" for row in rows] == [True] + [False] * (len(rows) - 1)
