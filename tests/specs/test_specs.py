"""Trials and sweeps: identity, the grid, its rules, and every error text."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlray.data import MultiMNIST
from mtlray.errors import SpecError
from mtlray.identity.codec import encode
from mtlray.models import LeNet
from mtlray.specs import (
    SGD,
    Adam,
    Cosine,
    OptimizerSpec,
    RunConfig,
    SweepSpec,
    TrialSpec,
    epochs_over_fraction,
    learning_rates,
)
from mtlray.strategies import DWA, AbstractWeighting, Equal, RevisedUncertainty, SingleTask, Uncertainty
from mtlray.tasks.metrics import Accuracy

TRIAL = TrialSpec(
    dataset=MultiMNIST(), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.005, momentum=0.9), steps=93_800
)
SWEEP = SweepSpec(
    name="table",
    question="Which?",
    base=TRIAL,
    strategies=(SingleTask(task="left"), Equal(), DWA(), DWA(temperature=1.0)),
    fractions=(1.0, 0.25),
    seeds=range(3),
    selection="best_test",
)


def change(**fields):
    return dataclasses.replace(TRIAL, **fields)


# -- identity

GOLDEN_JSON = (
    '{"batch_size":128,"dataset":{"data_seed":0,"image_size":36,"layout":"sener","reconstruction_scale":1,"source":"mnist",'
    '"task_names":["left","right"],"type":"MultiMNIST","val_digits":0},"evaluate_every":469,"fraction":1,'
    '"model":{"decoder_width":512,"preset":"A","type":"LeNet"},"optimizer":{"lr":0.005,"momentum":0.9,"strategy_lr":null,'
    '"type":"SGD","weight_decay":0},"precision":"float32","results_version":5,"seed":0,"steps":93800,'
    '"strategy":{"type":"Equal"},"type":"TrialSpec"}'
)


def test_canonical_json_is_the_known_one():
    assert TRIAL.canonical == GOLDEN_JSON
    assert TRIAL.trial_id == hashlib.sha256(GOLDEN_JSON.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("trial", "trial_id"),
    [
        (TRIAL, "417d36ee84117faa"),
        (change(strategy=SingleTask(task="left")), "8b5ea7030b7a35ce"),
        (change(strategy=DWA()), "57d4b21c6b293885"),
        (change(strategy=Uncertainty()), "370c7d78291beda4"),
        (change(strategy=RevisedUncertainty()), "f4b04fb4b5f8e209"),
        (change(optimizer=Adam(lr=1e-4)), "171f3aa68cf6a8ce"),
        (
            change(
                dataset=MultiMNIST(source="mnist5k", task_names=("left", "reconstruct"), val_digits=500),
                model=LeNet(preset="C"),
                fraction=0.25,
                seed=3,
            ),
            "931c30288275bd7a",
        ),
    ],
)
def test_ids_of_published_results_stay(trial, trial_id):
    assert trial.trial_id == trial_id


def test_one_and_one_point_zero_are_the_same_trial():
    assert change(fraction=1).trial_id == TRIAL.trial_id
    assert change(optimizer=Adam(lr=1)).trial_id == change(optimizer=Adam(lr=1.0)).trial_id
    assert change(strategy=DWA(temperature=2)).trial_id == change(strategy=DWA()).trial_id


OF_ALL_OPTIMIZERS = {
    "lr": 0.1, "weight_decay": 0.1, "strategy_lr": 0.1, "halve_every": 10, "schedule": Cosine(), "clip_norm": 1.0,
    "decay_vectors": False,
}  # fmt: skip
CHANGES = {
    TrialSpec: {
        "dataset": MultiMNIST(data_seed=1), "model": LeNet(preset="B"), "strategy": DWA(), "optimizer": SGD(lr=0.1),
        "fraction": 0.5, "steps": 1, "batch_size": 64, "evaluate_every": "epoch", "seed": 1, "precision": "float64",
        "gradient_diagnostics": True,
        "patience": 3,
    },
    MultiMNIST: {
        "source": "mnist5k", "layout": "sabour", "task_names": ("left",), "val_digits": 10, "image_size": 28,
        "reconstruction_scale": 2.0, "data_seed": 1, "reconstruction_target": "centred",
    },
    LeNet: {"preset": "B", "decoder_width": 100, "decoder_output": "linear"},
    SGD: {**OF_ALL_OPTIMIZERS, "momentum": 0.5, "nesterov": True},
    Adam: {**OF_ALL_OPTIMIZERS, "betas": (0.8, 0.9), "eps": 1e-6},
    DWA: {"temperature": 1.0, "max_ratio": 10.0},
    Uncertainty: {"form": "gaussian", "initial_log_variance": -0.5, "log_variance_limit": 10.0},
    RevisedUncertainty: {"parametrisation": "log", "initial": 0.5, "floor": 0.001},
}  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls, fields in CHANGES.items() for name in fields])
def test_changing_any_field_changes_the_id(cls, name):
    slot = {
        MultiMNIST: "dataset", LeNet: "model", SGD: "optimizer", Adam: "optimizer",
        DWA: "strategy", Uncertainty: "strategy", RevisedUncertainty: "strategy",
    }.get(cls)  # fmt: skip
    base = TRIAL if slot is None else cls(**({"lr": 1.0} if slot == "optimizer" else {}))
    base = dataclasses.replace(base, momentum=0.9) if name == "nesterov" else base
    other = dataclasses.replace(base, **{name: CHANGES[cls][name]})
    one, two = (base, other) if slot is None else (change(**{slot: base}), change(**{slot: other}))
    assert one.trial_id != two.trial_id


@pytest.mark.parametrize("cls", CHANGES)
def test_no_field_is_forgotten_above(cls):
    elsewhere = {"results_version", "start_from"} if cls is TrialSpec else set()
    assert set(CHANGES[cls]) | elsewhere == {field.name for field in dataclasses.fields(cls)}


def test_another_results_version_is_another_trial_and_this_mtlray_does_not_compute_it(monkeypatch):
    with pytest.raises(SpecError) as caught:
        change(results_version=9)
    assert str(caught.value) == (
        "Parameter `results_version` should be 5, the version that this mtlray computes. Found `results_version = 9`."
    )
    monkeypatch.setattr("mtlray.specs.trial.RESULTS_VERSION", 9)
    assert change(results_version=9).trial_id != TRIAL.trial_id


@given(
    seed=st.integers(0, 10**6),
    steps=st.integers(1, 10**6),
    lr=st.floats(1e-9, 1e9),
    temperature=st.floats(1e-3, 1e3),
)
@settings(deadline=None)
def test_the_id_is_a_function_of_the_spec(seed, steps, lr, temperature):
    fields = {"seed": seed, "steps": steps, "optimizer": Adam(lr=lr), "strategy": DWA(temperature=temperature)}
    one, two = change(**fields), change(**fields)
    assert one.canonical == two.canonical
    assert one.trial_id == two.trial_id
    assert change(**{**fields, "seed": seed + 1}).trial_id != one.trial_id
    assert change(**{**fields, "seed": seed + 1}).canonical_but_seed == one.canonical_but_seed


# -- derived numbers


@pytest.mark.parametrize(
    ("fraction", "n_train", "batches"), [(1.0, 60_000, 469), (0.25, 15_000, 118), (0.1, 6_000, 47), (1e-9, 1, 1)]
)
def test_sizes(fraction, n_train, batches):
    trial = change(fraction=fraction)
    assert (trial.n_train, trial.batches_per_epoch) == (n_train, batches)
    assert change(fraction=fraction, evaluate_every="epoch").evaluation_interval == batches


@pytest.mark.parametrize(
    ("steps", "every", "n"), [(10, 5, 2), (11, 5, 3), (4, 5, 1), (938, "epoch", 2), (939, "epoch", 3)]
)
def test_n_evaluations(steps, every, n):
    assert change(steps=steps, evaluate_every=every).n_evaluations == n


def test_single_task_trains_one_task():
    assert [task.name for task in change(strategy=SingleTask(task="right")).tasks] == ["right"]


# -- versions of components


@pytest.mark.parametrize("part", ["strategy", "model", "dataset", "optimizer"])
def test_a_raised_component_version_makes_the_trials_of_that_component_new(part, monkeypatch):
    now, before = TRIAL.trial_id, change(strategy=Uncertainty(), optimizer=Adam(lr=1)).trial_id
    cls = type(getattr(TRIAL, part))
    with monkeypatch.context() as raised:
        raised.setattr(cls, "component_version", 2)
        again = change(**{part: dataclasses.replace(getattr(TRIAL, part))})  # texts are kept for each object
        assert again.trial_id != now
        assert json.loads(again.canonical)[part]["component_version"] == 2
        assert again.component_versions[part] == 2
        if part in ("strategy", "optimizer"):
            assert change(strategy=Uncertainty(), optimizer=Adam(lr=1)).trial_id == before
    assert change().trial_id == now


def test_versions_of_the_loop_the_losses_and_the_metrics_count_where_they_are_more_than_one(monkeypatch):
    assert set(TRIAL.component_versions.values()) == {1}
    assert "versions" not in TRIAL.canonical
    monkeypatch.setattr("mtlray.specs.trial.LOOP_VERSION", 2)
    monkeypatch.setattr(Accuracy, "component_version", 3)
    again = change()
    assert json.loads(again.canonical)["versions"] == {"left/accuracy": 3, "loop": 2, "right/accuracy": 3}
    assert again.canonical == json.dumps(json.loads(again.canonical), sort_keys=True, separators=(",", ":"))
    assert again.trial_id != TRIAL.trial_id


# -- steps at which the trunk is embedded


def test_embedding_steps_are_no_part_of_the_trials(tmp_path):
    with_them = dataclasses.replace(SWEEP, embed_at=(10, 200))
    assert with_them.embed_at == (10, 200)
    assert [t.trial_id for t in with_them.trials()] == [t.trial_id for t in SWEEP.trials()]
    assert with_them.narrowed(steps=100).embed_at == (10,)


@pytest.mark.parametrize("steps", [(0,), (93_801,)])
def test_embedding_steps_lie_within_the_trials(steps):
    with pytest.raises(SpecError, match="embed_at` should lie within the 93800 steps of the longest trial"):
        dataclasses.replace(SWEEP, embed_at=steps).trials()


# -- the grid


def test_grid_in_a_fixed_order():
    cells = [(t.strategy.label, t.fraction, t.seed) for t in SWEEP.trials()]
    assert len(cells) == len(set(cells)) == 24
    assert cells[:4] == [("stl:left", 1.0, 0), ("stl:left", 1.0, 1), ("stl:left", 1.0, 2), ("stl:left", 0.25, 0)]
    assert SWEEP.trials() == SWEEP.trials()


def test_data_sets_are_an_axis():
    sweep = dataclasses.replace(SWEEP, datasets=(MultiMNIST(), MultiMNIST(layout="sabour")))
    assert len(sweep.trials()) == 48
    assert {t.dataset.layout for t in sweep.trials()} == {"sener", "sabour"}


def test_rules_change_cells_and_leave_them_out():
    def no_small_dwa(trial):
        return None if trial.strategy.key == "dwa" and trial.fraction < 1 else trial

    sweep = dataclasses.replace(SWEEP, rules=(no_small_dwa, epochs_over_fraction(2)))
    trials = sweep.trials()
    assert len(trials) == 24 - 6
    assert {t.steps for t in trials if t.fraction == 1} == {2 * 469}
    assert {t.steps for t in trials if t.fraction == 0.25} == {8 * 118}


def test_epochs_over_fraction_rounds():
    assert epochs_over_fraction(1)(change(fraction=0.4)).steps == round(1 / 0.4) * 188 == 2 * 188


def test_the_same_trial_twice_is_refused():
    with pytest.raises(SpecError) as caught:
        dataclasses.replace(SWEEP, seeds=(0, 1, 0)).trials()
    assert str(caught.value) == (
        "Sweep table holds the same trial twice: stl:left, fraction 1, seed 0. "
        "Remove the repeated entry from its axes, or the rule that makes two cells equal."
    )


@pytest.mark.parametrize(
    "seed", [2**63, -(2**63) - 1, 10**300, 10**5000], ids=["one more", "negative", "300 digits", "no text"]
)
def test_a_seed_of_more_than_64_bits_is_refused_when_planned(seed):
    with pytest.raises(SpecError, match="results hold 64 bits"):
        change(seed=seed)
    with pytest.raises(SpecError, match="results hold 64 bits"):
        dataclasses.replace(SWEEP, seeds=(seed,))


def test_the_largest_seed_is_taken():
    assert change(seed=2**63 - 1).seed == 2**63 - 1


def test_a_trial_that_cannot_run_is_refused_when_planned():
    with pytest.raises(SpecError, match="There is no task `up`"):
        dataclasses.replace(SWEEP, strategies=(SingleTask(task="up"),)).trials()
    with pytest.raises(SpecError, match="LeNet preset A28 takes images of 1x28x28"):
        dataclasses.replace(SWEEP, base=change(model=LeNet(preset="A28"))).trials()


@dataclass(frozen=True)
class OnRepresentation(AbstractWeighting):
    """Stands for a strategy that works on the representation."""

    key: ClassVar[str] = "on_representation"
    needs_representation: ClassVar[bool] = True

    def combine(self, losses, state):
        raise NotImplementedError


@dataclass(frozen=True)
class Crossed(LeNet):
    """Stands for a model whose heads read more than one tensor."""

    key: ClassVar[str] = "crossed"
    single_representation: ClassVar[bool] = False


def test_representation_is_asked_for_when_planning():
    change(strategy=OnRepresentation()).check()
    change(model=Crossed()).check()
    with pytest.raises(SpecError) as caught:
        dataclasses.replace(SWEEP, strategies=(OnRepresentation(),), base=change(model=Crossed())).trials()
    assert str(caught.value) == (
        "Strategy on_representation needs a model whose heads all read one representation. Those of model crossed-A do "
        "not. Choose another model or strategy, such as MGDA in place of MGDAUB."
    )


def test_narrowed():
    narrow = SWEEP.narrowed(seeds=[1], strategies=["dwa"], fractions=[0.25], steps=7)
    assert [(t.strategy.temperature, t.fraction, t.seed, t.steps) for t in narrow.trials()] == [
        (2.0, 0.25, 1, 7), (1.0, 0.25, 1, 7),
    ]  # fmt: skip
    assert [s.label for s in SWEEP.narrowed(strategies=["dwa(temperature=1)", "stl:left"]).strategies] == [
        "stl:left", "dwa(temperature=1)",
    ]  # fmt: skip
    assert SWEEP.narrowed() == SWEEP


def test_narrowed_keeps_ids():
    ids = {t.trial_id for t in SWEEP.trials()}
    assert {t.trial_id for t in SWEEP.narrowed(seeds=[0], fractions=[1]).trials()} < ids


def test_narrowed_steps_win_over_rules():
    sweep = dataclasses.replace(SWEEP, rules=(epochs_over_fraction(2),))
    assert {t.steps for t in sweep.narrowed(steps=7).trials()} == {7}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": [0, 5]}, "The sweep has no seed 5. It has: 0, 1, 2. Add others in the sweep file."),
        ({"fractions": [0.5]}, "The sweep has no fraction 0.5. It has: 1, 0.25. Add others in the sweep file."),
    ],
)
def test_narrowed_refuses_what_the_sweep_does_not_have(arguments, message):
    with pytest.raises(SpecError) as caught:
        SWEEP.narrowed(**arguments)
    assert str(caught.value) == message


def test_narrowed_names_the_strategies_it_has():
    with pytest.raises(SpecError) as caught:
        SWEEP.narrowed(strategies=["dwb"])
    assert str(caught.value) == (
        "The sweep has no strategy dwb. Did you mean `dwa`? It has: stl, stl:left, equal, dwa, dwa(temperature=1). Add others "
        "in the sweep file."
    )


def test_optimizers_are_an_axis_that_keeps_the_ids_of_its_trials():
    rates = (0.005, 0.05)
    tuned = dataclasses.replace(SWEEP, optimizers=learning_rates(TRIAL.optimizer, rates))
    assert [o.lr for o in tuned.optimizers] == list(rates)
    assert len(tuned.trials()) == 2 * len(SWEEP.trials())
    assert {t.trial_id for t in tuned.trials() if t.optimizer.lr == 0.005} == {t.trial_id for t in SWEEP.trials()}
    assert tuned.narrowed(learning_rates=[0.005]).trials() == SWEEP.trials()
    assert SWEEP.narrowed(learning_rates=[0.005]).trials() == SWEEP.trials()
    with pytest.raises(SpecError, match=r"The sweep has no learning rate 0.1. It has: 0.005, 0.05."):
        tuned.narrowed(learning_rates=[0.1])


@pytest.mark.usefixtures("unchecked")
def test_optimizers_are_optimizers():
    with pytest.raises(SpecError, match=r"Parameter `optimizers` should be an OptimizerSpec, such as `SGD\(lr=0.1\)`"):
        dataclasses.replace(SWEEP, optimizers=(0.1,))


def test_an_optimizer_is_named_by_all_but_its_learning_rate():
    assert SGD(lr=0.1, momentum=0.9).label == SGD(lr=0.2, momentum=0.9).label == "sgd(momentum=0.9)"
    assert Adam(lr=1e-3, weight_decay=1e-4, strategy_lr=0.025).label == "adam(strategy_lr=0.025,weight_decay=0.0001)"
    assert Adam(lr=1).label == "adam"


def test_description():
    trials = SWEEP.trials()
    description = SWEEP.describe(trials)
    assert description["name"] == "table"
    assert description["steps"] == [93_800]
    assert description["data_origin"] == {TRIAL.dataset.label: TRIAL.dataset.origin}
    assert len(description["trials"]) == 24
    assert description["trials"][0] == {
        "trial_id": trials[0].trial_id, "dataset": "multi_mnist-left-right", "strategy": "stl:left", "fraction": 1.0,
        "seed": 0, "tasks": ["left"], "optimizer": "sgd(momentum=0.9)", "learning_rate": 0.005,
        "fields": {"strategy.type": "SingleTask", "strategy.task": "left"},
    }  # fmt: skip


@dataclass(frozen=True)
class Mine(AbstractWeighting):
    """A user's strategy with a name that another has too."""

    key: ClassVar[str] = "dwa"

    def combine(self, losses, state):
        raise NotImplementedError


@dataclass(frozen=True)
class Nameless(AbstractWeighting):
    """A user's strategy without a key."""

    def combine(self, losses, state):
        raise NotImplementedError


@dataclass(frozen=True)
class Terse(MultiMNIST):
    """A data set whose label does not tell its layouts apart."""

    label: ClassVar[str] = "terse"


@dataclass(frozen=True, kw_only=True)
class Lion(OptimizerSpec):
    """An optimizer that mtlray does not have."""

    key: ClassVar[str] = "lion"


def test_two_strategies_by_one_label_are_refused():
    with pytest.raises(SpecError) as caught:
        dataclasses.replace(SWEEP, strategies=(DWA(), Mine())).trials()
    assert str(caught.value) == (
        "Sweep table has two trials that a table cannot tell apart, both dwa on multi_mnist-left-right, fraction 1, seed 0: "
        f"strategy is `{DWA()}` and `{Mine()}`. Give the strategy class its own `key`, or change a hyperparameter."
    )


def test_strategies_that_differ_in_the_seventh_digit_have_two_labels():
    labels = [DWA(temperature=t).label for t in (1.0, 1.0000001, 1.0000002, 0.1, 1e10, 1234567.0)]
    assert labels == [
        "dwa(temperature=1)", "dwa(temperature=1.0000001)", "dwa(temperature=1.0000002)", "dwa(temperature=0.1)",
        "dwa(temperature=1e+10)", "dwa(temperature=1234567.0)",
    ]  # fmt: skip
    strategies = (DWA(temperature=1.0000001), DWA(temperature=1.0000002))
    assert len(dataclasses.replace(SWEEP, strategies=strategies, seeds=(0,), fractions=(1.0,)).trials()) == 2


def test_two_data_sets_by_one_label_are_refused():
    with pytest.raises(SpecError, match=r"has two data sets named `terse`: .* Give each a name of its own"):
        dataclasses.replace(SWEEP, datasets=(Terse(), Terse(layout="sabour"))).trials()


@pytest.mark.parametrize("rule", ["best_val", "best_val_per_task"])
def test_selection_on_validation_needs_validation_examples(rule):
    with pytest.raises(SpecError) as caught:
        dataclasses.replace(SWEEP, selection=rule).trials()
    assert str(caught.value) == (
        f"Sweep table selects evaluations by `{rule}`, and multi_mnist-left-right has no validation examples. Hold some out of "
        'the training data with `val_digits=...`, or let nothing select, with `selection="last"` or `"mean_last_10"`. The '
        'paper\'s rule is `"best_test"`, which is optimistic.'
    )
    assert dataclasses.replace(SWEEP, selection=rule, datasets=(MultiMNIST(val_digits=500),)).trials()


def test_rules_that_leave_no_trial_are_refused():
    with pytest.raises(SpecError, match="Its rules leave out every cell"):
        dataclasses.replace(SWEEP, rules=(lambda trial: None,)).trials()


def broken(trial):
    return trial.strategy.temperature


def test_a_rule_that_raises_is_named():
    with pytest.raises(SpecError) as caught:
        dataclasses.replace(SWEEP, rules=(broken,)).trials()
    assert str(caught.value) == (
        "The rule `broken` failed for stl:left, fraction 1, seed 0. "
        "AttributeError: 'SingleTask' object has no attribute 'temperature'"
    )


@pytest.mark.usefixtures("unchecked")
def test_a_rule_returns_a_trial():
    with pytest.raises(SpecError, match=r"The rule `.*` should return a trial, or None. Found `7`."):
        dataclasses.replace(SWEEP, rules=(lambda trial: 7,)).trials()


@pytest.mark.usefixtures("unchecked")
def test_numpys_integers_are_integers():
    trial = change(steps=np.int64(93_800), batch_size=np.int32(128), evaluate_every=np.int16(469), seed=np.uint8(0))
    assert trial.trial_id == TRIAL.trial_id
    assert {type(value) for value in (trial.steps, trial.batch_size, trial.evaluate_every, trial.seed)} == {int}
    assert dataclasses.replace(SWEEP, seeds=np.arange(3)) == SWEEP


@pytest.mark.usefixtures("unchecked")
def test_one_entry_is_an_axis_of_one_and_a_list_is_a_tuple():
    alone = dataclasses.replace(SWEEP, strategies=Equal(), datasets=MultiMNIST(), fractions=1.0, seeds=[0])
    (trial,) = alone.trials()
    assert trial.trial_id == change(seed=0).trial_id
    lists = dataclasses.replace(SWEEP, strategies=list(SWEEP.strategies), fractions=[1.0, 0.25], seeds=[0, 1, 2])
    assert lists == SWEEP


# -- error texts

REFUSED = [
    (lambda: SGD(lr=0.0), "Parameter `lr` should be positive. Found `lr = 0.0`."),
    (lambda: SGD(lr=float("nan")), "Parameter `lr` should be positive. Found `lr = nan`."),
    (
        lambda: Adam(lr=1.0, weight_decay=-1.0),
        "Parameter `weight_decay` should be at least 0. Found `weight_decay = -1.0`.",
    ),
    (
        lambda: Adam(lr=1.0, strategy_lr=0.0),
        "Parameter `strategy_lr` should be positive or None. Found `strategy_lr = 0.0`.",
    ),
    (lambda: SGD(lr=1.0, momentum=1.0), "Parameter `momentum` should lie in [0, 1). Found `momentum = 1.0`."),
    (lambda: change(fraction=2.5), "Parameter `fraction` should lie in (0, 1]. Found `fraction = 2.5`."),
    (lambda: change(steps=0), "Parameter `steps` should be at least 1. Found `steps = 0`."),
    (lambda: change(batch_size=0), "Parameter `batch_size` should be at least 1. Found `batch_size = 0`."),
    (
        lambda: change(evaluate_every="epochs"),
        "Parameter `evaluate_every` should be a number of steps, at least 1, or \"epoch\". Found `evaluate_every = 'epochs'`.",
    ),
    (lambda: change(seed=-1), "Parameter `seed` should be at least 0. Found `seed = -1`."),
    (
        lambda: change(precision="float16"),
        'Parameter `precision` should be one of "float32", "float64", "bf16". Found `precision = float16`.',
    ),
    (lambda: change(steps=20.5), "Parameter `steps` should be an integer. Found `steps = 20.5`."),
    (lambda: change(batch_size="8"), "Parameter `batch_size` should be an integer. Found `batch_size = '8'`."),
    (lambda: change(seed=True), "Parameter `seed` should be an integer. Found `seed = True`."),
    (
        lambda: change(evaluate_every=10.0),
        'Parameter `evaluate_every` should be a number of steps, at least 1, or "epoch". Found `evaluate_every = 10.0`.',
    ),
    (
        lambda: change(results_version=1.0),
        "Parameter `results_version` should be an integer. Found `results_version = 1.0`.",
    ),
    (lambda: change(fraction="1"), "Parameter `fraction` should lie in (0, 1]. Found `fraction = 1`."),
    (
        lambda: change(dataset="mnist"),
        "Parameter `dataset` should be a DatasetSpec, such as `MultiMNIST()`. Found `dataset = 'mnist'`.",
    ),
    (
        lambda: change(model=LeNet),
        "Parameter `model` should be a ModelSpec, such as `LeNet()`. Found the class `LeNet`: write `LeNet()`.",
    ),
    (
        lambda: change(strategy=Nameless()),
        "The strategy `Nameless` should have a name for tables. Found `key = None`. "
        'Add `key: ClassVar[str] = "..."` to the class.',
    ),
    (
        lambda: change(optimizer=0.1),
        "Parameter `optimizer` should be an OptimizerSpec, such as `SGD(lr=0.1)`. Found `optimizer = 0.1`.",
    ),
    (
        lambda: change(optimizer=Lion(lr=0.1)),
        "Parameter `optimizer` should be one of SGD, Adam, AdamW, NAdam, RMSprop, Adagrad, or OwnOptimizer(a class "
        "of your own, lr=...). Found `Lion(lr=0.1, "
        "weight_decay=0.0, strategy_lr=None, halve_every=None, schedule=None, clip_norm=None, decay_vectors=True)`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, strategies=(Equal,)),
        "Parameter `strategies` should be an AbstractStrategy, such as `Equal()`. Found the class `Equal`: write `Equal()`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, strategies=("equal",)),
        "Parameter `strategies` should be an AbstractStrategy, such as `Equal()`. Found `strategies = 'equal'`: write `Equal()`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, strategies=3),
        "Parameter `strategies` should be a tuple, such as (Equal(), DWA()). Found `strategies = 3`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, datasets=MultiMNIST),
        "Parameter `datasets` should be a DatasetSpec, such as `MultiMNIST()`. "
        "Found the class `MultiMNIST`: write `MultiMNIST()`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, base=Equal()),
        "Parameter `base` should be a TrialSpec, such as `TrialSpec(...)`. Found `base = Equal()`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, seeds=3),
        "Parameter `seeds` should be a tuple, such as range(3). Found `seeds = 3`.",
    ),
    (lambda: dataclasses.replace(SWEEP, seeds=(0.0,)), "Parameter `seeds` should hold integers. Found `seeds = 0.0`."),
    (lambda: dataclasses.replace(SWEEP, seeds=("0",)), "Parameter `seeds` should hold integers. Found `seeds = '0'`."),
    (
        lambda: dataclasses.replace(SWEEP, rules=("double",)),
        "Parameter `rules` should hold functions of a trial. Found `rules = ('double',)`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, fractions=("half",)),
        "Parameter `fractions` should lie in (0, 1]. Found `fractions = ('half',)`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, name="a/b"),
        "Parameter `name` should consist of letters, digits, `-`, `_` and `.`, because it names a folder. Found `name = 'a/b'`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, name=""),
        "Parameter `name` should consist of letters, digits, `-`, `_` and `.`, because it names a folder. Found `name = ''`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, strategies=()),
        "Parameter `strategies` should have at least one entry. Found `strategies = ()`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, fractions=()),
        "Parameter `fractions` should have at least one entry. Found `fractions = ()`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, seeds=()),
        "Parameter `seeds` should have at least one entry. Found `seeds = ()`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, fractions=(0.25, 2.5)),
        "Parameter `fractions` should lie in (0, 1]. Found `fractions = (0.25, 2.5)`.",
    ),
    (
        lambda: dataclasses.replace(SWEEP, selection="best"),
        "Parameter `selection` should be one of best_val, best_val_per_task, best_test, best_test_joint, last, mean_last_10. "
        "Found `selection = best`.",
    ),
    (
        lambda: RunConfig(data="d", results="r", device="gpu"),
        'Parameter `device` should be "auto", "cpu" or "cuda". Found `device = gpu`.',
    ),
    (
        lambda: RunConfig(data="d", results="r", workers=0),
        "Parameter `workers` should be at least 1. Found `workers = 0`.",
    ),
    (
        lambda: RunConfig(data="d", results="r", pack_size=0),
        'Parameter `pack_size` should be a whole number, at least 1, or "auto". Found `pack_size = 0`.',
    ),
    (
        lambda: RunConfig(data="d", results="r", pack_size=4, activation_checkpointing=True),
        'Parameter `pack_size` should be 1 or "auto" where `activation_checkpointing` is on. Found `pack_size = 4`.',
    ),
    (
        lambda: RunConfig(data="d", results="r", checkpoint_seconds=-1.0),
        "Parameter `checkpoint_seconds` should be at least 0. Found `checkpoint_seconds = -1.0`.",
    ),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("make", "message"), REFUSED, ids=[message.split(" ")[1] for _, message in REFUSED])
def test_refuses(make, message):
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value) == message


def test_the_canonical_text_is_plain_json_of_the_spec_whatever_was_cached_before():
    for strategy in (DWA(temperature=2), DWA(temperature=2.0), Uncertainty(), DWA(temperature=0.5)):
        spec = change(strategy=strategy, gradient_diagnostics=True)
        plain = json.dumps(encode(spec), sort_keys=True, separators=(",", ":"), allow_nan=False)
        assert spec.canonical == plain


def test_tuning_seeds_are_some_of_the_seeds():
    spec = dataclasses.replace(SWEEP, seeds=range(4), tuning_seeds=(0, 1))
    assert spec.describe(spec.trials())["tuning_seeds"] == [0, 1]
    assert "tuning_seeds" not in SWEEP.describe(SWEEP.trials())
    assert spec.narrowed(seeds=[1, 2]).tuning_seeds == (1,)
    assert spec.narrowed(seeds=[0, 1]).tuning_seeds == ()
    for wrong in ((7,), range(4)):
        with pytest.raises(SpecError, match="be some of `seeds`, and leave one to report"):
            dataclasses.replace(SWEEP, seeds=range(4), tuning_seeds=wrong)
