"""The rate that speaks for a strategy is chosen on validation, seen in the table, and never averaged over."""

import pyarrow as pa
import pytest

from mtlray.analysis import TableOptions, render_table, tabulate
from mtlray.analysis.grid.cells import grid
from mtlray.analysis.grid.load import load
from mtlray.analysis.grid.places import Place
from mtlray.analysis.grid.selection import rule
from mtlray.analysis.grid.tuning import tuned
from mtlray.errors import ResultsError, SpecError
from mtlray.results.ledger import SUMMARY

BOTH = ("left", "right")


@pytest.fixture
def tune(make_sweep):
    """A sweep of rates: `tune({strategy: {rate: [(val left, val right), ...] by seed}})`; test values are 100 less val."""

    def build(strategies, *, fraction=1.0, sweep=None, skip=(), **overrides):
        sweep = sweep or make_sweep()
        for strategy, rates in strategies.items():
            for rate, seeds in rates.items():
                for seed, values in enumerate(seeds):
                    setting = {"optimizer": "sgd(momentum=0.9)", "learning_rate": rate}
                    trial = sweep.plan(strategy, BOTH, fraction=fraction, seed=seed, **setting)
                    if (strategy, rate, seed) in skip:
                        continue
                    state = {} if values else {"state": "diverged"}
                    rows = sweep.rows(trial, dict(zip(BOTH, values or (None, None), strict=True)), **state)
                    finish(sweep, trial, rows, **overrides)
        return sweep

    return build


def finish(sweep, trial, rows, **overrides):
    for row in rows:
        if row["best_val"] is not None:
            # Choosing on test would choose otherwise.
            row |= dict.fromkeys(("at_best_val", "at_joint_val"), 100 - row["best_val"])
        row |= overrides
    sweep.ledger.commit(trial["trial_id"], trial["dataset"], None, pa.Table.from_pylist(rows, schema=SUMMARY))


def means(found):
    return {(s, c.measure.task): cell.mean for g in found.grids for (s, c), cell in g.cells.items()}


def test_the_smallest_mean_gap_wins(tune):
    # Gaps to the best, left and right. 0.1: (80-80)/80 = 0 and (90-72)/90 = 0.2. 0.01: (80-72)/80 = 0.1 and 0. 1: 0.5 and 0.5.
    sweep = tune({"equal": {0.1: [(80, 72)], 0.01: [(72, 90)], 1.0: [(40, 45)]}})
    results = tuned(load(sweep.folder))
    assert dict(results.rates.chosen) == {("multi_mnist-left-right", "equal", Place(1.0)): ("sgd(momentum=0.9)", 0.01)}
    assert means(tabulate(load(sweep.folder))) == {("equal", "left"): 28, ("equal", "right"): 10}


def test_the_mean_over_seeds_counts_and_lower_may_be_better(tune):
    sweep = tune({"equal": {0.1: [(5, 5), (1, 1)], 0.01: [(2, 2), (2, 2)]}}, higher_is_better=False, unit="1")
    assert list(tuned(load(sweep.folder)).rates.chosen.values()) == [("sgd(momentum=0.9)", 0.01)]


def test_each_strategy_and_fraction_has_its_own_rate_and_the_table_shows_it(tune):
    good, bad = [(90, 90)] * 2, [(80, 80)] * 2
    sweep = tune({"equal": {0.1: good, 0.01: bad}, "dwa": {0.1: bad, 0.01: good}})
    tune({"equal": {0.1: bad, 0.01: good}, "dwa": {0.1: bad, 0.01: good}}, fraction=0.25, sweep=sweep)
    text = render_table(sweep.folder)
    assert "\nequal lr 0.1/0.01  10.00" in text
    assert "\ndwa lr 0.01        10.00" in text
    assert "best: of 2 configurations a row and fraction, the one with the smallest gap to the best" in " ".join(
        text.split()
    )
    assert "n = 2 seeds a cell" in text
    frame = tabulate(load(sweep.folder)).frame()
    shown = set(frame[["strategy", "fraction", "optimizer", "learning_rate"]].itertuples(index=False, name=None))
    assert shown == {
        ("equal", 1.0, "sgd(momentum=0.9)", 0.1),
        ("equal", 0.25, "sgd(momentum=0.9)", 0.01),
        ("dwa", 1.0, "sgd(momentum=0.9)", 0.01),
        ("dwa", 0.25, "sgd(momentum=0.9)", 0.01),
    }


def test_a_rate_with_a_diverged_trial_does_not_compete_with_a_whole_one(tune):
    sweep = tune({"equal": {1.0: [(99, 99), None], 0.1: [(80, 80), (80, 80)]}})
    assert list(tuned(load(sweep.folder)).rates.chosen.values()) == [("sgd(momentum=0.9)", 0.1)]


def test_where_no_rate_is_whole_the_one_with_most_trials_stands(tune):
    sweep = tune({"equal": {1.0: [None, None], 0.1: [(80, 80), None]}})
    assert list(tuned(load(sweep.folder)).rates.chosen.values()) == [("sgd(momentum=0.9)", 0.1)]


def test_a_choice_that_may_change_says_so(tune):
    sweep = tune({"equal": {0.1: [(90, 90)] * 2, 0.01: [(95, 95)] * 2}}, skip=[("equal", 0.01, 1)])
    text = " ".join(render_table(sweep.folder).split())
    assert "The choice of learning rates is not final: 1 of the trials to choose from have no result yet." in text
    assert "equal lr 0.1 " in text


def test_all_gives_each_rate_a_row(tune):
    sweep = tune({"equal": {0.1: [(90, 80)], 0.01: [(91, 81)]}})
    found = tabulate(load(sweep.folder), TableOptions(rates="all"))
    assert means(found) == {
        ("equal lr 0.1", "left"): 10,
        ("equal lr 0.1", "right"): 20,
        ("equal lr 0.01", "left"): 9,
        ("equal lr 0.01", "right"): 19,
    }
    assert "rates        all: each configuration has a row of its own" in found.render()
    assert set(found.frame()["learning_rate"]) == {0.1, 0.01}


def test_without_validation_values_nothing_is_chosen_in_silence(tune):
    sweep = tune({"equal": {0.1: [(90, 80)], 0.01: [(91, 81)]}}, best_val=None)
    text = " ".join(render_table(sweep.folder, TableOptions(select="best_test")).split())
    assert "all: there is no validation split to choose on; each configuration has a row of its own" in text
    with pytest.raises(ResultsError, match="A learning rate is chosen on the validation split"):
        render_table(sweep.folder, TableOptions(select="best_test", rates="best"))


def test_a_cell_never_averages_over_rates(tune):
    results = load(tune({"equal": {0.1: [(90, 80)], 0.01: [(91, 81)]}}).folder)
    with pytest.raises(ResultsError, match=r"equal, fraction 1, with several .*: sgd\(momentum=0.9\) 0.01, sgd"):
        grid(results, rule("best_val"), "multi_mnist-left-right")


def test_one_rate_for_all_leaves_a_table_as_it_was(tune, complete):
    sweep = tune({"equal": {0.1: [(90, 80)]}, "dwa": {0.1: [(90, 80)]}})
    assert "lr" not in render_table(sweep.folder).split("strategy", 1)[1]
    assert "rates" not in render_table(complete.folder)


def test_one_rate_each_but_not_the_same_is_shown(tune):
    text = render_table(tune({"equal": {0.1: [(90, 80)]}, "dwa": {0.01: [(90, 80)]}}).folder)
    assert "\nequal lr 0.1 " in text
    assert "\ndwa lr 0.01 " in text
    assert "rates  " not in text


def test_an_unknown_rule_is_refused(complete):
    with pytest.raises(SpecError, match=r"There is no rule for learning rates `bst`\. Did you mean `best`\?"):
        render_table(complete.folder, TableOptions(rates="bst"))


def test_a_strategy_without_a_done_trial_keeps_its_first_rate_and_is_shown(tune):
    text = render_table(tune({"equal": {0.1: [(90, 80)], 0.01: [(91, 81)]}, "dwa": {0.1: [None], 0.01: [None]}}).folder)
    assert "\nequal lr 0.01" in text
    assert "\ndwa lr 0.1" in text
    assert "(0/1, 1 diverged)" in text


def scored(sweep, scores):
    """The joint validation scores of a strategy's trials by rate and seed, in the sweep of `tune`."""
    for trial in sweep.description["trials"]:
        score = scores[trial["learning_rate"]][trial["seed"]]
        rows = sweep.rows(trial, dict.fromkeys(BOTH, 100 * trial["learning_rate"]), joint_val_score=score)
        finish(sweep, trial, rows)
    return sweep


def test_the_joint_score_chooses_where_every_trial_has_one(tune):
    both = [(90, 90)] * 2
    sweep = scored(
        tune({"equal": {0.1: both, 0.2: both, 0.3: both}}), {0.1: (0.5, 0.6), 0.2: (0.9, 0.9), 0.3: (0.95, 0.1)}
    )
    assert list(tuned(load(sweep.folder)).rates.chosen.values()) == [("sgd(momentum=0.9)", 0.2)]
    words = " ".join(render_table(sweep.folder).split())
    assert "best: of 3 configurations a row and fraction, the one with the best mean validation score" in words
    assert "chosen on the seeds that are reported" in words
    assert tabulate(load(sweep.folder)).frame()["configurations"].tolist() == [3, 3]
    assert "at the edge" not in words


def test_seeds_for_tuning_are_in_no_mean(tune):
    both = [(90, 90)] * 3
    scores = {0.1: (0.9, 0.1, 0.1), 0.2: (0.5, 0.9, 0.9)}  # seeds 1 and 2 would choose 0.2
    sweep = scored(tune({"equal": {0.1: both, 0.2: both}}), scores)
    sweep.description["tuning_seeds"] = [0]
    sweep.ledger.write_sweep(sweep.description)
    found = tuned(load(sweep.folder))
    assert list(found.rates.chosen.values()) == [("sgd(momentum=0.9)", 0.1)]
    assert found.expected["seed"].tolist() == [1, 2]
    assert "chosen on seeds 0, which are in no mean" in " ".join(render_table(sweep.folder).split())


def test_a_choice_at_the_edge_and_unequal_grids_are_told(tune):
    good, bad = [(95, 95)] * 2, [(90, 90)] * 2
    sweep = tune({"equal": {0.1: bad, 0.01: bad, 1.0: good}, "dwa": {0.1: good}})
    words = " ".join(render_table(sweep.folder).split())
    assert "beyond which a better value may lie: equal at 100 % (lr 1, the largest of 3)." in words
    assert "Configurations tried, a row and fraction: 3: equal; 1: dwa. More of them find more by chance." in words


def test_labels_name_every_hyperparameter_that_varies(make_sweep):
    sweep = make_sweep()
    for optimizer, value in (("sgd", 90.0), ("sgd(weight_decay=0.001)", 95.0)):
        trial = sweep.plan("equal", BOTH, optimizer=optimizer, learning_rate=0.1)
        sweep.finish(trial, dict.fromkeys(BOTH, value))
    trial = sweep.plan("dwa", BOTH, optimizer="sgd", learning_rate=0.1)
    sweep.finish(trial, dict.fromkeys(BOTH, 90.0))
    text = render_table(sweep.folder)
    assert "\nequal lr 0.1, weight_decay 0.001 " in text
    assert "\ndwa lr 0.1, weight_decay 0 " in text
