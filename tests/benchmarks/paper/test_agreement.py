"""The statements that hold for numbers typed by hand, the reading that the rule chooses, and what a results folder gives."""

import math

import pytest
from fabricated import Sweep
from places import ROOT
from scripts import script

from mtlray.analysis import load
from mtlray.specs.sweepfile import load_sweep

agreement = script("benchmarks/paper/agreement.py")

# The paper's Table 2 as far as its text says, with rows in between where it gives no number.
AS_PRINTED = {
    ("stl", 1.0): 97.02, ("equal", 1.0): 97.1, ("dwa", 1.0): 96.9, ("uncertainty", 1.0): 97.3,
    ("revised_uncertainty", 1.0): 97.67, ("stl", 0.1): 93.94, ("equal", 0.1): 94.1, ("uncertainty", 0.1): 94.5,
    ("revised_uncertainty", 0.1): 95.04,
}  # fmt: skip
CALM = dict.fromkeys(AS_PRINTED, 0.1)
RESTLESS = CALM | {("uncertainty", 0.1): 0.2, ("revised_uncertainty", 0.1): 0.5}


def reading(accuracy=AS_PRINTED, fluctuation=RESTLESS, name="one", shows_both=False, finished=True):
    cells = [
        {key: dict.fromkeys(range(2), value) for key, value in numbers.items()} for numbers in (accuracy, fluctuation)
    ]
    return agreement.Reading(
        name=name, accuracy=cells[0], fluctuation=cells[1], shows_both=shows_both, finished=finished
    )


def broken(**changes):
    """The statements that do not hold once some numbers differ, by `key_percent=value`."""
    numbers = {(name.rpartition("_")[0], int(name.rpartition("_")[2]) / 100): value for name, value in changes.items()}
    answers = {f"{s.fraction}: {s.words}": s.holds(reading(AS_PRINTED | numbers)) for s in agreement.STATEMENTS}
    return {words for words, holds in answers.items() if holds is False}


def test_the_printed_numbers_meet_all_that_can_be_asked():
    assert agreement.met(reading()) == (11, 11)
    assert broken() == set()
    both = {("stl", 0.25): 95.49, ("revised_uncertainty", 0.25): 96.44}
    assert agreement.met(reading(AS_PRINTED | both)) == (13, 13)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"equal_100": 97.0}, {"100 %: equal is above single-task"}),
        ({"uncertainty_100": 97.01}, {"100 %: uncertainty is above single-task"}),
        ({"dwa_100": 97.03}, {"100 %: DWA is below single-task"}),
        ({"uncertainty_100": 97.7}, {"100 %: revised uncertainty is the best row"}),
        ({"revised_uncertainty_100": 97.98}, {"100 %: revised uncertainty gains 0.65 ± 0.3"}),
        ({"equal_10": 93.9}, {"10 %: equal is above single-task"}),
        ({"uncertainty_10": 94.05}, {"10 %: uncertainty is above equal"}),
        ({"revised_uncertainty_10": 95.4}, {"10 %: revised uncertainty gains 1.10 ± 0.3"}),
        (
            {"revised_uncertainty_10": 94.45},
            {
                "10 %: revised uncertainty is the best row",
                "10 %: revised uncertainty gains 1.10 ± 0.3",
                "100 to 10 %: the gain of revised uncertainty grows",
            },
        ),
        (
            {"uncertainty_10": -math.inf},
            {"10 %: uncertainty is above equal"},
        ),
    ],
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
def test_a_statement_fails_by_the_numbers_that_it_is_about(changes, expected):
    assert broken(**changes) == expected


@pytest.mark.parametrize(
    ("fluctuation", "holds"),
    [(RESTLESS, True), (CALM, False), (RESTLESS | {("uncertainty", 0.1): 0.19}, False), ({}, None),
     (RESTLESS | {("uncertainty", 0.1): math.inf}, True)],
)  # fmt: skip
def test_unstable_is_twice_the_fluctuation_of_single_task(fluctuation, holds):
    (statement,) = [s for s in agreement.STATEMENTS if "unstable" in s.words]
    assert statement.holds(reading(fluctuation=fluctuation)) is holds


def test_the_rule_takes_the_most_statements_and_then_the_nearest_gains():
    worse = reading(AS_PRINTED | {("equal", 1.0): 97.0, ("equal", 0.1): 93.9}, name="worse")
    far = reading(AS_PRINTED | {("revised_uncertainty", 1.0): 97.9}, name="far")
    near = reading(AS_PRINTED | {("equal", 1.0): 97.0}, name="near, one less")
    assert agreement.choose([worse, far]).name == "far"
    assert agreement.choose([worse, far, near]).name == "near, one less", "within one statement the gains decide"
    picture = reading(name="picture", shows_both=True)
    assert agreement.choose([picture, far]).name == "far"
    assert agreement.choose([picture, worse]).name == "picture", "two statements ahead"
    assert agreement.choose([reading(name="first"), reading(name="second")]).name == "first"


def test_the_rule_takes_none_that_meets_less_than_half_or_is_not_finished():
    flat = reading(dict.fromkeys(AS_PRINTED, 95.0), CALM)
    assert agreement.met(flat) == (0, 11)
    assert agreement.choose([flat]) is None
    assert agreement.choose([reading(finished=False)]) is None
    assert agreement.choose([]) is None


@pytest.fixture
def folder(tmp_path):
    """Two readings, the second without single-task trials; seed 1 of its uncertainty at 10 % diverged."""
    sweep = Sweep(tmp_path, "readings", selection="mean_last_10")
    first, second = "multi_mnist-left-reconstruct", "multi_mnist-left-reconstruct-scale30-picture"
    for dataset, suffix in ((first, ""), (second, "(initial_log_variance=-0.5)")):
        for (key, fraction), value in AS_PRINTED.items():
            for seed in range(2):
                if key == "stl" and dataset == second:
                    continue
                label = {"stl": "stl:left", "uncertainty": f"uncertainty{suffix}"}.get(key, key)
                tasks = ("left",) if key == "stl" else ("left", "reconstruct")
                optimizer = "sgd(momentum=0.9,strategy_lr=0.01)" if "unc" in key and suffix else "sgd(momentum=0.9)"
                trial = sweep.plan(label, tasks, dataset=dataset, fraction=fraction, seed=seed, optimizer=optimizer)
                wobble = RESTLESS[key, fraction]
                rows = [
                    {"trial_id": trial["trial_id"], "step": e, "test/left/accuracy": value + wobble * (-1) ** e}
                    for e in range(1, 13)
                ]
                diverged = (dataset, key, fraction, seed) == (second, "uncertainty", 0.1, 1)
                sweep.finish(
                    trial,
                    dict.fromkeys(tasks, None if diverged else value + seed),
                    curve_rows=rows,
                    state="diverged" if diverged else "done",
                    model="lenet-A-linear" if suffix else "lenet-A",
                )
    return sweep


def test_a_results_folder_gives_the_readings(folder):
    one, two = agreement.readings_of(load(folder.folder), "mean_last_10")
    assert (one.name, two.name) == ("mean", "scale30-picture, linear, initial_log_variance=-0.5, strategy_lr=0.01")
    assert (one.shows_both, two.shows_both) == (False, True)
    assert agreement.met(one) == (11, 11)
    assert one.mean("stl", 1.0) == two.mean("stl", 1.0) == pytest.approx(97.52)
    assert two.gain("revised_uncertainty", 0.1) == pytest.approx(1.1)
    # Ten numbers that alternate by ± d have the standard deviation d sqrt(10/9).
    assert one.fluctuation["revised_uncertainty", 0.1][0] == pytest.approx(0.5 * math.sqrt(10 / 9))
    assert two.accuracy["uncertainty", 0.1][1] == -math.inf
    assert agreement.met(two) == (10, 11), "a row with a trial that diverged is below the others"
    text = agreement.render([one, two], "mean_last_10")
    assert "| 10 %: uncertainty is above equal | + | − |" in text
    assert "| **statements that hold** | 11 of 11 | 10 of 11 |" in text
    assert "| gain of revised uncertainty at 10 % | +1.10 | +1.10 |" in text
    assert text.endswith("2 of 2 readings are finished. Chosen by the rule: `mean`.")


def test_while_trials_are_missing_nothing_is_chosen(folder):
    trial = next(t for t in folder.description["trials"] if t["strategy"] == "stl:left")
    folder.ledger.forget([trial["trial_id"]])
    readings = agreement.readings_of(load(folder.folder), "mean_last_10")
    assert [reading.finished for reading in readings] == [False, False], "single-task learning serves both"
    assert agreement.render(readings, "mean_last_10").endswith("0 of 2 readings are finished.")


def test_the_sweep_of_the_readings_is_an_orthogonal_array():
    sweep, module = load_sweep(ROOT / "sweeps" / "gong2019_table2_readings.py")
    levels = [
        (min(scale, 100), target, output, (uncertainties, rate))
        for scale, target, output, uncertainties, rate in module.READINGS
    ]
    for one in range(4):
        for other in range(one):
            if 2 in (
                one,
                other,
            ):  # the decoder's output has two levels, of which one stands three times in each group of three
                continue
            assert len({(row[one], row[other]) for row in levels}) == 9
    trials = sweep.trials()
    assert len(trials) == 130
    assert {trial.model.decoder_output for trial in trials} == {"sigmoid", "linear"}
    ours, _ = load_sweep(ROOT / "sweeps" / "gong2019_table2.py")
    assert trials[0].dataset == ours.base.dataset
    assert {t.strategy for t in trials if t.dataset == ours.base.dataset} == set(ours.strategies)
