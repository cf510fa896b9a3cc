"""mtlray.analysis.grid.selection: the rules by name, and the refusal of a rule that finds nothing."""

import dataclasses

import pytest

from mtlray.analysis import tabulate
from mtlray.analysis.grid import load
from mtlray.analysis.grid.selection import RULES, rule
from mtlray.errors import ResultsError, SpecError
from mtlray.results.ledger import SUMMARY


def test_each_rule_reads_a_column_of_the_summary():
    assert [r.name for r in RULES] == ["best_val", "best_test", "last", "mean_last_10"]
    assert {r.column for r in RULES} <= set(SUMMARY.names)
    assert rule("best_test").description == "best on the test split, as the paper reports; optimistic"


def test_rules_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        rule("last").column = "best_test"


def test_unknown_rule_shows_the_closest():
    with pytest.raises(SpecError, match=r"There is no selection rule `best_vall`\. Did you mean `best_val`\?"):
        rule("best_vall")


@pytest.mark.parametrize(
    ("select", "mean"), [(None, 1.0), ("best_val", 1.0), ("best_test", 2.0), ("last", 3.0), ("mean_last_10", 4.0)]
)
def test_each_rule_reads_its_own_column(make_sweep, select, mean):
    sweep = make_sweep()
    columns = {"at_best_val": 1.0, "best_test": 2.0, "last": 3.0, "mean_last_10": 4.0}
    sweep.finish(sweep.plan("equal", ["left"]), {"left": None}, **columns)
    assert tabulate(load(sweep.folder), select=select).frame()["mean"].tolist() == [mean]


def test_sweep_chooses_the_default(make_sweep):
    sweep = make_sweep(selection="last")
    sweep.plan("equal", ["left"])
    assert tabulate(load(sweep.folder)).selection.name == "last"


def test_best_val_without_a_validation_split(make_sweep):
    sweep = make_sweep()
    sweep.finish(sweep.plan("equal", ["left"]), {"left": 90.0}, at_best_val=None, mean_last_10=None)
    with pytest.raises(ResultsError, match=r"they have no validation split\. Rules that work here: best_test, last;"):
        tabulate(load(sweep.folder))
    assert tabulate(load(sweep.folder), select="last").frame()["mean"].tolist() == [90.0]
