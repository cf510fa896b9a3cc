"""The sweep over every strategy misses none, and its narrowed form is the grid without tuning."""

import pytest
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


def test_adaptive_weights_run_in_both_forms_beside_their_two_rivals_on_image_and_text():
    sweep, _ = load_sweep(ROOT / "sweeps" / "huq2022.py")
    trials = sweep.trials()
    labels = {}
    for trial in trials:
        labels.setdefault(trial.dataset.key, set()).add(trial.strategy.label)
    shared = {
        "equal", "dwa", "uncertainty", "adaptive_weight", "adaptive_weight(cadence=epoch)", "adaptive_weight(form=softmax)",
        "adaptive_weight(form=softmax,cadence=epoch)",
    }  # fmt: skip
    assert labels == {
        "cifar100": shared | {"stl:fine", "stl:upside_down", "stl:colour_jitter"},
        "clinc150": shared | {"stl:domain", "stl:intent", "stl:in_scope"},
    }
    assert {(trial.dataset.key, trial.model.key) for trial in trials} == {
        ("cifar100", "wrn"),
        ("clinc150", "text"),
    }
    epochs = {(trial.dataset.key, trial.steps / trial.batches_per_epoch) for trial in trials}
    assert epochs == {("cifar100", 100), ("clinc150", 20)}
    assert len(trials) == 5 * (10 + 10)


def test_the_moving_averages_run_on_forty_tasks_each_at_three_betas():
    sweep, _ = load_sweep(ROOT / "sweeps" / "lakkapragada2023.py")
    trials = sweep.trials()
    assert len(trials) == 3 * (40 + 3 + 9)
    betas = {(trial.strategy.key, trial.strategy.beta) for trial in trials if hasattr(trial.strategy, "beta")}
    assert betas == {(key, beta) for key in ("ema", "rema", "dwema") for beta in (0.5, 0.9, 0.99)}
    assert {(trial.model.label, trial.steps / trial.batches_per_epoch) for trial in trials} == {("resnet18", 15)}
    assert sweep.published == "xu2025:celeba"


@pytest.mark.parametrize(
    ("name", "n_strategies", "n_tasks"),
    [("reduced_yeast", 13, 14), ("reduced_tox21", 13, 12), ("reduced_clinc150", 10, 3)],
)
def test_the_reduced_sweeps_have_single_task_many_strategies_and_three_seeds(name, n_strategies, n_tasks):
    sweep, _ = load_sweep(ROOT / "sweeps" / f"{name}.py")
    assert len(sweep.base.dataset.tasks) == n_tasks
    assert len(sweep.trials()) == 3 * (n_strategies + n_tasks)
    assert sweep.base.dataset.n_examples("val") > 0
