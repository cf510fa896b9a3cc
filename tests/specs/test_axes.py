"""Any field of a trial as an axis: the grid's order, what is left out, what is refused, and what results say of it."""

import dataclasses

import pytest

from mtlray.data import MultiMNIST
from mtlray.errors import SpecError
from mtlray.models import MLP, LeNet
from mtlray.planning.plan import plan
from mtlray.planning.text import Workers, plan_text
from mtlray.specs import SGD, Adam, Cosine, SweepSpec, TrialSpec
from mtlray.strategies import DWA, STCH, Equal, SingleTask

BASE = TrialSpec(
    dataset=MultiMNIST(val_digits=500), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.1, momentum=0.9), steps=100
)
AXES = {"model": (LeNet(), LeNet(preset="B")), "batch_size": (16, 128), "strategy.temperature": (1, 2)}


BOTH = (Equal(), DWA())


def sweep(axes=AXES, strategies=BOTH, **settings):
    return SweepSpec(name="any", question="Which?", base=BASE, strategies=strategies, axes=axes, **settings)


def test_axes_vary_in_the_order_in_which_they_are_written_and_seeds_fastest():
    found = [
        (t.strategy.label, t.fraction, t.model.label, t.batch_size, t.seed)
        for t in sweep(fractions=(1, 0.5), seeds=range(2)).trials()
    ]
    dwas = ("dwa(temperature=1)", "dwa")
    assert found == [
        ("equal", fraction, model, size, seed)
        for fraction in (1, 0.5) for model in ("lenet-A", "lenet-B") for size in (16, 128) for seed in (0, 1)
    ] + [
        (dwa, fraction, model, size, seed)
        for fraction in (1, 0.5) for model in ("lenet-A", "lenet-B") for size in (16, 128) for dwa in dwas for seed in (0, 1)
    ]  # fmt: skip


def test_a_strategy_without_the_field_is_there_once_and_the_plan_says_how_many_cells_are_left_out():
    spec = sweep(fractions=(1, 0.5), strategies=(SingleTask(task="left"), Equal(), DWA(), DWA(max_ratio=3)))
    trials = spec.trials()
    assert sum(trial.strategy == Equal() for trial in trials) == 2 * 2 * 2  # fractions, models, batch sizes
    assert len(trials) == len({trial.trial_id for trial in trials}) == 2 * 8 + 2 * 16
    assert spec.left_out() == {("strategy.temperature", "stl:left"): 8, ("strategy.temperature", "equal"): 8}
    text = plan_text(spec, trials, plan(trials, {}), Workers(1), "/results")
    assert "  axes        model lenet-A, lenet-B; batch_size 16, 128; strategy.temperature 1, 2\n" in text
    assert "  left out    16 cells: stl:left, equal have no `temperature`, and so one value of that axis\n" in text
    assert "  trials      48 in 48 cells, 100 steps each\n" in text


def test_a_field_that_the_model_of_the_cell_lacks():
    spec = sweep({"model.preset": ("A", "B", "C"), "model": (LeNet(), MLP())}, strategies=(Equal(),))
    assert [trial.model for trial in spec.trials()] == [LeNet(), MLP(), LeNet(preset="B"), LeNet(preset="C")]
    assert sum(spec.left_out().values()) == 2


def test_a_trial_of_an_axis_is_the_trial_that_is_written_out():
    (trial,) = (t for t in sweep().trials() if t.strategy == DWA() and t.model == LeNet() and t.batch_size == 128)
    assert trial.trial_id == dataclasses.replace(BASE, strategy=DWA()).trial_id
    assert (
        sweep({}).trials() == SweepSpec(name="any", question="Which?", base=BASE, strategies=(Equal(), DWA())).trials()
    )


def test_fields_of_parts_within_parts_and_whole_optimizers():
    spec = sweep(
        {
            "optimizer.schedule": (None, Cosine()),
            "optimizer.schedule.warmup": (0, 5),
            "optimizer.weight_decay": (0, 0.1),
        },
        strategies=(Equal(),),
    )
    found = [(t.optimizer.schedule, t.optimizer.weight_decay) for t in spec.trials()]
    assert found == [
        (None, 0),
        (None, 0.1),
        (Cosine(), 0),
        (Cosine(), 0.1),
        (Cosine(warmup=5), 0),
        (Cosine(warmup=5), 0.1),
    ]
    assert spec.describe(spec.trials())["trials"][-1]["axes"] == {
        "optimizer.schedule": "cosine(warmup=5)", "optimizer.schedule.warmup": 5, "optimizer.weight_decay": 0.1,
    }  # fmt: skip
    whole = sweep({"optimizer": (SGD(lr=0.1), Adam(lr=0.01)), "optimizer.momentum": (0, 0.9)}, strategies=(Equal(),))
    assert [(type(t.optimizer).key, getattr(t.optimizer, "momentum", None)) for t in whole.trials()] == [
        ("sgd", 0), ("sgd", 0.9), ("adam", None),
    ]  # fmt: skip


def test_rules_act_on_the_cells_of_axes():
    spec = sweep(
        {"batch_size": (16, 128)}, rules=(lambda t: None if t.batch_size == 16 and t.strategy == DWA() else t,)
    )
    assert [(t.strategy.label, t.batch_size) for t in spec.trials()] == [("equal", 16), ("equal", 128), ("dwa", 128)]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"strategy.temprature": (1, 2)}, r"There is no axis `strategy.temprature`. Did you mean `strategy.temperature`\?"),
        ({"batchsize": (1, 2)}, r"There is no axis `batchsize`. Did you mean `batch_size`\?"),
        ({"strategy.c": (1, 2)}, "There is no axis `strategy.c`."),
        ({"fraction": (1, 0.5)}, "Found `fraction`. Use `fractions=...` for it."),
        ({"seed": (1, 2)}, "Use `seeds=...` for it."),
        ({"results_version": (1, 2)}, "There is no axis `results_version`."),
        ({"batch_size": ()}, "should have at least one entry"),
        ({"model": (LeNet,)}, r"Found the class `LeNet`: write `LeNet\(\)`"),
        ({"model": "lenet"}, "should be a ModelSpec"),
        ({"strategy.temperature": (1, -2)}, "The axis `strategy.temperature` should have values that dwa takes. Found `-2`."),
        ({"strategy.temperature": (1, "two")}, "The axis `strategy.temperature` should have values that dwa takes. Found `two`."),
        ({"batch_size": (16, 0)}, "Parameter `batch_size` should be at least 1. Found `batch_size = 0`."),
        ({"batch_size": (16, 16)}, r"holds the same trial twice: equal, fraction 1, batch_size 16, seed 0."),
        ({"batch_size": range(1, 60_000), "steps": (1, 2)}, "at most 100,000 trials"),
    ],
)  # fmt: skip
def test_what_is_no_axis_is_refused(axes, message):
    with pytest.raises(SpecError, match=message):
        sweep(axes).trials()


def test_two_trials_that_differ_in_no_axis_still_clash():
    with pytest.raises(SpecError, match=r"batch_size 16, seed 0: steps is `16` and `128`"):
        sweep(
            {"batch_size": (16, 128)}, rules=(lambda t: dataclasses.replace(t, steps=t.batch_size, batch_size=16),)
        ).trials()


def test_optimizers_are_tuned_and_an_axis_of_them_is_shown_so_both_are_refused():
    with pytest.raises(SpecError, match=r"or the axis `optimizer`, which shows each. Found both."):
        sweep({"optimizer": (SGD(lr=0.1), SGD(lr=0.2))}, optimizers=(SGD(lr=0.1),))
    with pytest.raises(SpecError, match="Parameter `tune` should name `axes` of the optimizer"):
        sweep({"batch_size": (16, 128)}, tune=("batch_size",))
    spec = sweep({"optimizer.weight_decay": (0, 0.1)}, tune=("optimizer.weight_decay",))
    assert spec.describe(spec.trials())["tune"] == ["optimizer.weight_decay"]


def test_models_of_one_label_are_told_apart_by_what_differs():
    spec = sweep({"model": (LeNet(decoder_width=8), LeNet(decoder_width=16), LeNet(preset="B"))}, strategies=(Equal(),))
    assert [entry["axes"]["model"] for entry in spec.describe(spec.trials())["trials"]] == [
        "lenet-A(decoder_width=8)", "lenet-A(decoder_width=16)", "lenet-B",
    ]  # fmt: skip


def test_results_are_told_every_field_of_every_trial():
    spec = sweep()
    described = spec.describe(spec.trials())
    assert described["axes"] == ["model", "batch_size", "strategy.temperature"]
    assert described["fields"]["optimizer.lr"] == 0.1
    assert described["fields"]["optimizer.nesterov"] is False  # which the spec that is hashed leaves out
    assert described["trials"][0]["axes"] == {"model": "lenet-A", "batch_size": 16}
    assert described["trials"][0]["fields"] == {
        "batch_size": 16, "model": "lenet-A", "model.preset": "A", "strategy.type": "Equal",
    }  # fmt: skip
    assert described["trials"][-1]["axes"] == {"model": "lenet-B", "batch_size": 128, "strategy.temperature": 2}


def test_narrowing_by_a_condition_knows_every_field():
    assert len(sweep().narrowed(where="batch_size == 16 and strategy.temperature != 2").trials()) == 4
    assert {t.strategy for t in sweep().narrowed(where="strategy.temperature == 1").trials()} == {DWA(temperature=1)}
    narrow = sweep(seeds=range(3), tuning_seeds=(0,)).narrowed(where="seed < 2")
    assert (narrow.seeds, narrow.tuning_seeds) == ((0, 1), (0,))
    assert sweep(seeds=range(3), tuning_seeds=(0,)).narrowed(where="seed == 0").tuning_seeds == ()
    with pytest.raises(SpecError, match="holds for none of 12"):
        sweep().narrowed(where="batch_size == 17")


def test_an_axis_of_strategies_that_are_narrowed_away_goes_with_them():
    assert len(sweep().narrowed(strategies=["equal"]).trials()) == 4
    assert len(sweep(strategies=(Equal(), DWA(), STCH())).narrowed(strategies=["dwa"]).trials()) == 8


def test_learning_rates_are_narrowed_wherever_they_vary():
    for axes in ({"optimizer.lr": (0.1, 0.2)}, {"optimizer": (SGD(lr=0.1), SGD(lr=0.2))}):
        assert [t.optimizer.lr for t in sweep(axes).narrowed(learning_rates=[0.2]).trials()] == [0.2, 0.2]


def test_a_value_of_none_is_one_value_among_others():
    """And no trial without the axis, over whose values a table would take means."""
    spec = sweep({"optimizer.clip_norm": (None, 1.0)}, strategies=(Equal(),))
    entries = spec.describe(spec.trials())["trials"]
    assert [entry["axes"] for entry in entries] == [{"optimizer.clip_norm": "none"}, {"optimizer.clip_norm": 1}]
