"""Gradient diagnostics: values by hand, and that a trial with them computes what it computes without."""

import dataclasses
import math
from dataclasses import dataclass
from typing import ClassVar

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from mtlray.data import Column, Dataset, Examples, MultiMNIST
from mtlray.models import Computation, LeNet, ModelSpec, Networks, SharedTrunk
from mtlray.results.ledger import Ledger, curves_schema
from mtlray.running.rows import curves_table
from mtlray.specs import SGD, SweepSpec, TrialSpec
from mtlray.strategies import FAMO, RLW, Equal, GradNorm, SingleTask, Uncertainty
from mtlray.testing import TASKS
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.diagnostics import gradient_diagnostics
from mtlray.training.loop import train
from mtlray.training.sampling import Sampler

DATA = MultiMNIST(source="mnist5k", val_digits=200)
COMPUTATION = Computation(torch.device("cpu"))
SMALL_IMAGES = dataclasses.replace(DATA, image_size=28)
TRIAL = TrialSpec(
    dataset=DATA,
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.05, momentum=0.9, strategy_lr=0.02),
    fraction=0.03,
    steps=9,
    batch_size=16,
    evaluate_every=4,
)


@dataclass(frozen=True)
class Normed(ModelSpec):
    """A trunk with batch normalisation, whose running statistics every forward pass in training moves."""

    key: ClassVar[str] = "normed"
    label: ClassVar[str] = "normed"

    def check(self, input_shape, tasks):
        """Any will do."""

    def build(self, input_shape, tasks):
        trunk = nn.Sequential(nn.Conv2d(1, 3, 7, stride=5), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
        return SharedTrunk(trunk, {task.name: nn.Linear(108, task.output_shape[0]) for task in tasks})


def jacobian(*rows):
    """One seed's, `[1, task, param]`."""
    return torch.tensor([rows], dtype=torch.float64)


def values(*jacobians):
    return {
        name: value.item() for name, value in gradient_diagnostics(jacobians, TASKS[: len(jacobians[0][0])]).items()
    }


def test_values_by_hand():
    # Lengths 5 and 10, at an angle whose cosine is (3 * -8 + 4 * 6) / 50 = 0; then 5 and 5 with -7 / 25.
    at_right_angles, opposed = jacobian((3, 4), (-8, 6)), jacobian((3, 4), (3, -4))
    assert values(at_right_angles) == pytest.approx(
        {
            "gradient/norm/left": 5,
            "gradient/norm/right": 10,
            "gradient/cosine": 0,
            "gradient/conflict_rate": 0,
            "gradient/magnitude_similarity": 100 / 125,
            "gradient/condition_number": 2,
        }
    )
    found = values(at_right_angles, opposed)
    assert found["gradient/cosine"] == pytest.approx((0 - 7 / 25) / 2)
    assert found["gradient/conflict_rate"] == 0.5
    assert found["gradient/magnitude_similarity"] == pytest.approx((100 / 125 + 1) / 2)
    assert found["gradient/norm/right"] == 7.5
    # The Gramian of the second is ((25, -7), (-7, 25)) with eigenvalues 32 and 18.
    assert found["gradient/condition_number"] == pytest.approx((2 + math.sqrt(32 / 18)) / 2)


def test_three_tasks_are_three_pairs():
    found = values(jacobian((1.0, 0.0), (-1.0, 0.0), (0.0, 2.0)))
    assert found["gradient/cosine"] == pytest.approx(-1 / 3)
    assert found["gradient/conflict_rate"] == pytest.approx(1 / 3)
    assert found["gradient/magnitude_similarity"] == pytest.approx((1 + 0.8 + 0.8) / 3)


def test_a_gradient_of_zero_has_no_angle_and_one_task_no_pair():
    found = values(jacobian((0, 0), (3, 4)), jacobian((6, 8), (3, 4)))
    assert found["gradient/cosine"] == pytest.approx(1)
    assert found["gradient/magnitude_similarity"] == pytest.approx((0 + 0.8) / 2)
    assert found["gradient/condition_number"] == math.inf
    assert values(jacobian((3, 4))) == {"gradient/norm/left": 5}


def test_what_is_not_finite_is_shown_and_raises_nothing():
    found = values(jacobian((math.nan, 1), (3, 4)))
    assert math.isnan(found["gradient/condition_number"])
    assert math.isnan(found["gradient/norm/left"])
    assert found["gradient/norm/right"] == 5


def few(dataset):
    """The whole training split, and a few examples to evaluate on."""

    def cut(examples, n):
        columns = {name: Column(c.values[:n], c.kind, c.scale) for name, c in examples.targets.items()}
        inputs = examples.inputs
        return Examples(Column(inputs.values[:n], inputs.kind, inputs.scale), columns)

    return Dataset({name: cut(dataset.splits[name], n) for name, n in (("train", None), ("val", 10), ("test", 10))}, "")


@pytest.fixture(scope="module")
def datasets(digits, data_root):
    SMALL_IMAGES.prepare(data_root)
    return {DATA: few(digits), SMALL_IMAGES: few(SMALL_IMAGES.load(data_root))}


def run(trials, dataset, checkpoints=None):
    saved = {}

    def save(checkpoint):
        saved[checkpoint.trial_id, checkpoint.step] = Checkpoint.from_bytes(checkpoint.to_bytes(), checkpoint.trial_id)

    checkpoints = checkpoints or [None] * len(trials)
    arguments = {"checkpoint_seconds": 0.0, "save": save, "progress": lambda step: None}
    return train(trials, dataset, COMPUTATION, checkpoints=checkpoints, **arguments), saved


def without(rows):
    dropped = ("train_samples_per_second", "gradient/")
    return [repr({k: v for k, v in row.items() if not k.startswith(dropped)}) for row in rows]


def bits(checkpoint):
    parts = {"model": checkpoint.model, "meters": checkpoint.meters, **checkpoint.strategy, **checkpoint.optimizer}
    return {f"{p}/{n}": t.contiguous().numpy().tobytes() for p, tensors in parts.items() for n, t in tensors.items()}


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": Equal()},
        {"strategy": SingleTask(task="right")},
        {"strategy": Uncertainty()},
        {"strategy": FAMO()},
        {"strategy": RLW()},
        {"strategy": GradNorm()},
        {"dataset": SMALL_IMAGES, "model": LeNet(preset="A28")},
        {"model": Normed()},
    ],
    ids=lambda changes: "-".join(getattr(value, "label", str(value)) for value in changes.values()),
)
def test_training_with_and_without_gives_equal_bits(changes, datasets):
    plain = dataclasses.replace(TRIAL, **changes)
    observed = dataclasses.replace(plain, gradient_diagnostics=True)
    (one,), saved = run([plain], datasets[plain.dataset])
    (two,), saved_too = run([observed], datasets[plain.dataset])
    assert without(two.rows) == without(one.rows)
    for step in range(1, plain.steps + 1):
        assert bits(saved_too[observed.trial_id, step]) == bits(saved[plain.trial_id, step]), f"step {step}"
    names = {name for row in two.rows for name in row if name.startswith("gradient/")}
    assert {f"gradient/norm/{task.name}" for task in plain.tasks} <= names
    assert ("gradient/cosine" in names) == (len(plain.tasks) > 1)
    assert len({row["gradient/norm/right"] for row in two.rows}) == len(two.rows) == 3


def test_a_resumed_trial_measures_the_same(datasets):
    trial = dataclasses.replace(TRIAL, model=LeNet(preset="A28"), dataset=SMALL_IMAGES, gradient_diagnostics=True)
    (whole,), saved = run([trial], datasets[SMALL_IMAGES])
    (resumed,), _ = run([trial], datasets[SMALL_IMAGES], [saved[trial.trial_id, 6]])
    name = "gradient/magnitude_similarity"
    assert [row[name] for row in resumed.rows] == [row[name] for row in whole.rows]


def test_a_pack_measures_each_seed_as_if_alone(datasets):
    trials = [dataclasses.replace(TRIAL, seed=seed, precision="float64", gradient_diagnostics=True) for seed in (3, 1)]
    together, _ = run(trials, datasets[DATA])
    for trial, outcome in zip(trials, together, strict=True):
        (alone,), _ = run([trial], datasets[DATA])
        for one, two in zip(alone.rows, outcome.rows, strict=True):
            measured = {name: value for name, value in one.items() if name.startswith("gradient/")}
            assert len(measured) == 6
            assert {name: two[name] for name in measured} == pytest.approx(measured, rel=1e-8)


def test_the_numbers_are_those_of_the_networks_own_gradients(datasets):
    """Against autograd on the batches by hand, after a training so short that the network is the initial one's next."""
    trial = dataclasses.replace(TRIAL, steps=1, precision="float64", gradient_diagnostics=True)
    (outcome,), saved = run([trial], datasets[DATA])
    networks = Networks(trial.model, DATA.input_shape, trial.tasks, [0], COMPUTATION, "float64")
    networks.load(saved[trial.trial_id, 1].model)
    train_split = datasets[DATA].splits["train"]
    batches = Sampler(trial, len(train_split)).apart("diagnostics", 1, 4)
    norms = []
    for batch in batches:
        inputs = train_split.inputs.gather(batch.unsqueeze(0), torch.float64)
        prediction = networks.predict(inputs)[0][0]
        loss = nn.functional.cross_entropy(prediction, train_split.targets["left"].values[batch].long())
        gradients = torch.autograd.grad(loss, networks.shared)
        norms.append(torch.cat([g.flatten() for g in gradients]).norm())
    assert outcome.rows[0]["gradient/norm/left"] == pytest.approx(torch.stack(norms).mean().item(), rel=1e-9)


def test_batches_for_diagnostics_come_from_the_training_subset_each_example_once():
    n_examples = TRIAL.dataset.n_examples("train")
    sampler = Sampler(TRIAL, n_examples)
    subset = set(torch.cat([sampler.batch(n) for n in range(TRIAL.batches_per_epoch)]).tolist())
    drawn = torch.cat(sampler.apart("diagnostics", 5, 4)).tolist()
    assert len(drawn) == len(set(drawn)) == min(4, len(subset) // 16) * 16
    assert set(drawn) < subset
    assert drawn != torch.cat(sampler.apart("diagnostics", 6, 4)).tolist()
    tiny = Sampler(dataclasses.replace(TRIAL, fraction=0.002), n_examples).apart("diagnostics", 5, 4)
    assert [len(batch) for batch in tiny] == [8]


def test_ids_stay_and_a_sweep_can_ask_for_all_trials():
    assert "gradient_diagnostics" not in TRIAL.canonical
    observed = dataclasses.replace(TRIAL, gradient_diagnostics=True)
    assert observed.trial_id != TRIAL.trial_id
    sweep = SweepSpec(
        name="s", question="?", base=TRIAL, strategies=(Equal(),), fractions=(0.03,), gradient_diagnostics=True
    )
    assert sweep.trials() == (observed,)


def test_curves_without_the_columns_are_still_read(tmp_path, datasets):
    observed = dataclasses.replace(TRIAL, gradient_diagnostics=True)
    (outcome,), _ = run([observed], datasets[DATA])
    curves = curves_table(observed, outcome.rows)
    added = [name for name in curves.column_names if name.startswith("gradient/")]
    assert len(added) == 6
    assert set(added) <= set(curves_schema([(t.name, ["accuracy"]) for t in DATA.tasks]).names)
    ledger = Ledger(str(tmp_path), "s")
    folder = tmp_path / "s" / "curves" / "d"
    folder.mkdir(parents=True)
    old = curves.drop_columns(added).set_column(0, "trial_id", [["old"] * curves.num_rows])
    pq.write_table(old, folder / "old.parquet")
    pq.write_table(curves, folder / f"{observed.trial_id}.parquet")
    read = ledger.curves("d").to_pandas().set_index("trial_id")
    assert read.loc["old", added].isna().all(axis=None)
    assert read.loc[observed.trial_id, added].notna().all(axis=None)
