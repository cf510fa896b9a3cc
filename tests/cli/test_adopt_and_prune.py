"""`mtlray adopt` and `mtlray prune` as a user meets them."""

import pandas as pd
import pytest
from finished import FINGERPRINT, finish
from places import SMALL

from mtlray.results.ledger import Ledger
from mtlray.results.states import TrialState
from mtlray.specs.sweepfile import load_sweep
from mtlray.storage.system_lock import alone

EDIT = ("losses.detach()", "1 * losses.detach()")
LINE = "2 of 8 finished trials were trained under an earlier text of the sweep file and kept by `mtlray adopt`: one & the same"
KINDS = ("cells", "leaderboard", "compare", "cost", "selection")


def rule_of(kind):
    """Options for results that have no joint score; a table of selections shows every rule."""
    return () if kind == "selection" else ("--select", "last")


@pytest.fixture
def mine(tmp_path):
    """A sweep file whose trials are all finished, edited since."""
    path = tmp_path / "mine.py"
    path.write_text(SMALL.read_text())
    ledger = Ledger(str(tmp_path / "results"), "small")
    spec, _ = load_sweep(path)
    for n, trial in enumerate(spec.trials()):
        finish(ledger, trial, float(n))
    ledger.write_sweep(spec.describe(spec.trials()))
    path.write_text(path.read_text().replace(*EDIT))
    return path


@pytest.fixture
def adopted(cli, mine):
    code, out, err = cli("adopt", mine, "--reason", "one & the same")
    assert (code, err) == (0, "")
    assert "2 finished trials of an earlier text kept in " in out
    return mine


def plain(text):
    return " ".join(text.replace("\\", "").replace("**", "").split())


NOTE = "2 trials to run differ from finished ones in your own code alone: if the edit changes no number, `mtlray adopt "


def test_a_plan_names_the_remedy(cli, mine):
    code, out, err = cli("plan", mine)
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if NOTE in line]
    assert line.endswith(f'`mtlray adopt {mine} --reason "..."` keeps these.')
    code, out, _ = cli("run", mine, "--in-process", "--data", "/dev/null/none", "--yes")
    assert code == 2
    assert NOTE in out


@pytest.mark.parametrize("narrowed", [("--steps", "251"), ("--strategies", "dwa")])
def test_a_plan_names_no_remedy_that_would_not_help(cli, mine, narrowed):
    code, out, _ = cli("plan", mine, *narrowed)
    assert code == 0
    assert "mtlray adopt" not in out


def test_a_plan_does_not_offer_failures(cli, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SMALL.read_text())
    for trial in load_sweep(path)[0].trials():
        finish(Ledger(str(tmp_path / "results"), "small"), trial, state=TrialState.FAILED)
    path.write_text(path.read_text().replace(*EDIT))
    assert "mtlray adopt" not in cli("plan", path)[1]


def test_nothing_is_left_to_run(cli, adopted):
    out = cli("plan", adopted)[1]
    assert "0 to run, 8 done" in out
    assert "mtlray adopt" not in out


@pytest.mark.parametrize("format", ["text", "markdown", "latex"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_head_of_every_table_says_so(cli, adopted, kind, format):
    code, out, err = cli("table", *rule_of(kind), adopted, "--kind", kind, "--format", format)
    assert code == 0, err
    assert plain(LINE).replace("`", "") in plain(out).replace("`", "")
    assert "adopted" in out.lower()


@pytest.mark.parametrize("kind", KINDS)
def test_a_csv_has_a_column_that_says_so(cli, adopted, kind):
    code, _, err = cli("table", *rule_of(kind), adopted, "--kind", kind, "--format", "csv", "--out", "table.csv")
    assert code == 0, err
    assert set(pd.read_csv("table.csv")["adopted"]) == {LINE}


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_adopted_trials_says_nothing(cli, adopted, kind):
    for format in ("text", "csv"):
        code, out, _ = cli(
            "table", *rule_of(kind), adopted, "--kind", kind, "--format", format, "--strategies", "stl,dwa,uncertainty"
        )
        assert code == 0
        assert "adopt" not in out


def test_several_reasons_are_counted(cli, mine):
    for seed, reason in enumerate(("first", "second")):
        assert cli("adopt", mine, "--reason", reason, "--seeds", f"{seed}:{seed + 1}")[0] == 0
    assert "kept by `mtlray adopt`: first (1); second (1)" in plain(cli("table", "--select", "last", mine)[1])


def test_the_report_says_so(cli, adopted):
    code, _, err = cli("report", adopted, "--out", "report.html")
    assert code == 0, err
    text = (adopted.parent / "report.html").read_text()
    assert text.count(LINE.replace("&", "&amp;")) >= len(KINDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--reason", " "),
            "Error: Option --reason should say why the edit changes no number; tables print it. Found an empty",
        ),
        (
            ("--reason", "x", "--strategies", "dwa"),
            "Error: {folder} should hold finished trials that differ from those of",
        ),
        (
            ("--reason", "x", "--results", "elsewhere"),
            "Error: {here}/elsewhere/small should hold finished trials that differ",
        ),
    ],
)
def test_what_cannot_be_adopted_is_one_paragraph(cli, mine, tmp_path, arguments, words):
    code, out, err = cli("adopt", mine, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(words.format(folder=tmp_path / "results" / "small", here=tmp_path))
    assert err.count("\n") == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("command", [("adopt", "--reason", "x"), ("prune", "--yes")])
def test_while_the_sweep_runs(cli, mine, tmp_path, command):
    name, *options = command
    finish(Ledger(str(tmp_path / "results"), "small"), load_sweep(mine)[0].narrowed(steps=3).trials()[0])
    with alone(tmp_path / "results" / "small" / "driver.lock"):
        code, _, err = cli(name, mine, *options)
    assert code == 2
    assert err.startswith("Error: Another `mtlray` is working on this sweep")


def test_prune_lists_and_removes_with_yes(cli, adopted, tmp_path):
    ledger = Ledger(str(tmp_path / "results"), "small")
    spec, _ = load_sweep(adopted)
    ledger.write_sweep(spec.describe(spec.trials()))  # as a launch does
    before = set(ledger.records()[0])
    code, out, _ = cli("prune", adopted)
    assert code == 0
    assert out.splitlines()[1:] == [
        f"  2 × {spec.base.dataset.label} loss_share 25 %, done: seed 0, 1",
        "Add --yes to remove them.",
    ]
    assert set(ledger.records()[0]) == before
    code, out, _ = cli("prune", adopted, "--yes")
    assert code == 0
    assert out.endswith(f"2 trials removed from {tmp_path / 'results' / 'small'}.\n")
    assert set(ledger.records()[0]) == {trial.trial_id for trial in spec.trials()}
    assert "0 to run, 8 done" in cli("plan", adopted)[1]
    assert plain(LINE) in plain(cli("table", "--select", "last", adopted)[1])


def test_adopting_compares_the_data_that_an_edited_data_set_makes(cli, tmp_path):
    import worked_example

    path = worked_example.write(tmp_path)
    narrow = ("--in-process", "--yes", "--steps", "2", "--strategies", "equal")
    assert cli("run", path, *narrow)[0] == 0
    same = ("np.hypot(y - 18, x - 18)", "np.hypot(x - 18, y - 18)")
    worked_example.write(tmp_path, same)
    code, out, err = cli("adopt", path, "--reason", "hypot is symmetric", "--steps", "2", "--strategies", "equal")
    assert code == 0, err
    assert out.startswith("1 finished trial of an earlier text kept")
    assert "nothing to run" in cli("run", path, *narrow)[1]
    worked_example.write(tmp_path, same, ("default_rng(0)", "default_rng(1)"))
    code, _, err = cli("adopt", path, "--reason", "wrong", "--steps", "2", "--strategies", "equal")
    assert code == 2
    assert "trained on other data than the data set's present code makes" in err
    assert FINGERPRINT not in err
