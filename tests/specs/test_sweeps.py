"""The sweep over every strategy misses none, and its narrowed form is the grid without tuning."""

from places import ROOT

from mtlray.specs.sweepfile import load_sweep
from mtlray.strategies import STRATEGIES

SWEEP, _ = load_sweep(ROOT / "sweeps" / "beyond_gong2019.py")


def test_every_strategy_is_in_the_sweep_at_three_rates():
    trials = SWEEP.trials()
    assert {type(trial.strategy) for trial in trials} == set(STRATEGIES)
    rates = {}
    for trial in trials:
        rates.setdefault((trial.strategy, trial.seed), set()).add(trial.optimizer.lr)
    assert set(map(frozenset, rates.values())) == {frozenset({0.003, 0.01, 0.03})}


def test_the_choice_is_made_on_digits_that_are_held_out():
    assert SWEEP.selection == "best_val"
    assert SWEEP.base.dataset.n_examples("val") == 10_000


def test_without_tuning_there_is_one_rate_and_its_trials_are_those_of_the_tuned_sweep():
    narrow = SWEEP.narrowed(learning_rates=[0.01], seeds=[0, 1])
    ids = {trial.trial_id for trial in narrow.trials()}
    assert len(ids) == 2 * len(SWEEP.strategies)
    assert ids < {trial.trial_id for trial in SWEEP.trials()}
    assert {trial.steps for trial in narrow.narrowed(steps=2345).trials()} == {2345}
