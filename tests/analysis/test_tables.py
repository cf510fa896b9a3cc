"""mtlray.analysis.tables: golden files, and what every format must say."""

import csv
import io
import os
import re

import pytest
from places import GOLDEN

from mtlray.analysis import Source, TableOptions, render_table, tabulate
from mtlray.analysis.grid.load import load
from mtlray.errors import ResultsError, SpecError

ENDINGS = {"text": "txt", "markdown": "md", "latex": "tex", "csv": "csv"}


def lines_of(rendered: str, start: str) -> list[str]:
    return [line for line in rendered.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("format", ENDINGS)
@pytest.mark.parametrize(("name", "against"), [("complete", None), ("broken", "gong2019")])
def test_golden(request, name, against, format):
    """After a change that is meant: run once with UPDATE_GOLDEN=1 and read the difference."""
    sweep = request.getfixturevalue(name)
    rendered = render_table(sweep.folder, TableOptions(against=against), format=format) + "\n"
    path = GOLDEN / f"table-{name}.{ENDINGS[format]}"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")


def test_unknown_format_before_anything_is_read(tmp_path):
    with pytest.raises(SpecError, match=r"There is no format `latec`\. Did you mean `latex`\?"):
        render_table(str(tmp_path), format="latec")


@pytest.mark.parametrize("format", ["text", "markdown", "latex"])
def test_the_head_says_what_the_numbers_are(complete, format):
    rendered = render_table(complete.folder, format=format)
    head = " ".join(rendered.replace(r"\_", "_").replace(r"$\pm$", "±").split())
    for fact in (
        "quickstart: Does weighting the losses help when data is scarce?",
        "mnist5k: 5,000 digits of MNIST, a stand-in for the full 70,000",
        "best_val: test values at the one evaluation of a trial whose validation score, over all",
        "n = 3 seeds a cell; ± is the standard deviation (ddof 1)",
        "2,000",
    ):
        assert fact in head


def test_text_fits_a_terminal_and_holds_no_codes(broken):
    rendered = render_table(broken.folder, TableOptions(against="gong2019"))
    assert max(map(len, rendered.splitlines())) <= 80
    assert "\x1b" not in rendered
    assert not any(line.endswith(" ") for line in rendered.splitlines())


def test_a_wide_table_is_cut_between_measures(make_sweep):
    sweep = make_sweep()
    tasks = ["left", "right", "top", "bottom"]
    for fraction in (1.0, 0.5, 0.25):
        for seed in range(2):
            trial = sweep.plan("revised_uncertainty", tasks, fraction=fraction, seed=seed)
            sweep.finish(trial, dict.fromkeys(tasks, 90.0 + seed))
    rendered = render_table(sweep.folder)
    assert max(map(len, rendered.splitlines())) <= 80
    assert len(lines_of(rendered, "strategy ")) == 4
    assert len(lines_of(rendered, "revised_uncertainty ")) == 4


def test_unequal_seed_counts_stand_in_each_cell(make_sweep):
    sweep = make_sweep()
    for strategy, count in (("equal", 2), ("dwa", 1)):
        for seed in range(count):
            sweep.finish(sweep.plan(strategy, ["left"], seed=seed), {"left": 90.0 + seed})
    rendered = render_table(sweep.folder)
    assert lines_of(rendered, "equal ") == ["equal     90.50 ± 0.71 (2/2)"]
    assert lines_of(rendered, "dwa ") == ["dwa       90.00 (1/1)"]


def test_nothing_finished_is_a_table_too(make_sweep):
    sweep = make_sweep()
    sweep.plan("equal", ["left"])
    rendered = render_table(sweep.folder)
    assert lines_of(rendered, "equal ") == ["equal     – (0/1)"]
    assert "no trial is done yet" in rendered
    for format in ("markdown", "latex", "csv"):
        assert "0" in render_table(sweep.folder, format=format)


def test_small_numbers_keep_their_digits(make_sweep):
    sweep = make_sweep()
    for seed in range(2):
        trial = sweep.plan("equal", ["left"], seed=seed)
        sweep.finish(trial, {"left": 0.04 + 0.001 * seed}, metric="mse", unit="1", higher_is_better=False)
    rendered = render_table(sweep.folder)
    assert "mse ↓" in rendered
    assert lines_of(rendered, "equal ") == ["equal     0.04050 ± 0.00071"]


def test_a_table_for_each_data_set(make_sweep):
    sweep = make_sweep()
    for dataset in ("multi_mnist-left-right", "nyuv2"):
        sweep.finish(sweep.plan("equal", ["left"], dataset=dataset), {"left": 90.0}, data_origin=f"all of {dataset}")
    rendered = render_table(sweep.folder, TableOptions(against="gong2019:1"))
    assert [line.split()[-1] for line in lines_of(rendered, "data set")] == ["multi_mnist-left-right", "nyuv2"]
    assert [line.split()[-1] for line in lines_of(rendered, "data origin")] == ["multi_mnist-left-right", "nyuv2"]
    assert "gong2019:1 is about multi_mnist-left-right and has no numbers for nyuv2." in rendered


def test_numbers_from_prose_are_marked(make_sweep):
    sweep = make_sweep(published="gong2019:2")
    trial = sweep.plan("revised_uncertainty", ["left"], dataset="multi_mnist-left-reconstruct")
    sweep.finish(trial, {"left": 97.5})
    rendered = render_table(sweep.folder, TableOptions(against="gong2019", select="best_test"))
    assert lines_of(rendered, "  paper") == ["  paper              ~97.67"]
    assert lines_of(rendered, "  ours") == ["  ours − paper        ~−0.17".replace("   ~", "  ~")]
    assert "derived from the paper's prose" in rendered
    assert "its text says variance, its size says standard deviation" in " ".join(rendered.split())
    assert "like with like" not in rendered
    row = next(csv.DictReader(io.StringIO(render_table(sweep.folder, TableOptions(against="gong2019"), format="csv"))))
    assert (row["published_mean"], row["published_spread"], row["published_derived"]) == ("97.67", "", "True")


def test_a_stand_in_is_called_a_variant_beside_the_paper(make_sweep):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"], dataset="multi_mnist-left-right-mnist5k"), {"left": 90.0})
    rendered = " ".join(render_table(sweep.folder, TableOptions(against="gong2019")).split())
    assert "This one, multi_mnist-left-right-mnist5k, is a variant: see data origin." in rendered


def test_a_published_table_about_other_data_is_refused(complete):
    with pytest.raises(ResultsError, match="gong2019:3 should be about a data set of this sweep"):
        render_table(complete.folder, TableOptions(against="gong2019:3"))


def test_a_sweep_without_trials_is_refused(make_sweep):
    with pytest.raises(ResultsError, match="The sweep plans none"):
        render_table(make_sweep().folder)


def test_csv_has_one_row_per_cell(broken):
    rows = list(csv.DictReader(io.StringIO(render_table(broken.folder, format="csv"))))
    assert len(rows) == 2 * (1 + 1 + 4 * 2)
    assert list(rows[0]) == [
        "dataset", "data_origin", "strategy", "fraction", "task", "metric", "unit", "mean", "std", "n", "expected",
        "diverged", "failed", "not_finite", "selection", "published_mean", "published_spread", "published_derived",
        "interval_low", "interval_high", "published_low", "published_high", "beside", "margin", "best", "better", "trivial",
        "optimizer", "learning_rate", "configurations",
    ]  # fmt: skip
    gone = next(r for r in rows if r["strategy"] == "uncertainty" and r["fraction"] == "0.25")
    assert (gone["mean"], gone["std"], gone["n"], gone["diverged"]) == ("", "", "0", "3")


def test_narrowing_changes_what_is_planned(complete):
    trials = [trial for trial in complete.description["trials"] if trial["seed"] == 0]
    rendered = render_table(Source(complete.folder, trials))
    assert "n = 1 seed a cell" in rendered
    assert "24 more finished trials in the folder" in rendered


def test_markdown_rows_are_of_equal_length(broken):
    rows = lines_of(render_table(broken.folder, TableOptions(against="gong2019"), format="markdown"), "|")
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


def test_table_keeps_its_parts(complete):
    made = tabulate(load(complete.folder), TableOptions(select="last", against="gong2019:1"))
    assert made.selection.name == "last"
    assert made.against is not None
    assert made.render() == made.render("text")
