"""The training loop against a plain PyTorch loop, across interruptions, and where trials diverge."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mtlray.data import Column, Dataset, Examples, MultiMNIST, subset
from mtlray.errors import ResultsError
from mtlray.models import Computation, LeNet
from mtlray.randomness import generator, stream_seed
from mtlray.specs import SGD, Adam, TrialSpec
from mtlray.strategies import DWA, AbstractWeighting, Equal, RevisedUncertainty, SingleTask, State, Uncertainty
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.loop import train, walk
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

CPU = torch.device("cpu")
DATA = MultiMNIST(source="mnist5k", val_digits=200)
TRIAL = TrialSpec(
    dataset=DATA,
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.05, momentum=0.9, weight_decay=1e-3, strategy_lr=0.02),
    fraction=0.05,
    steps=20,
    batch_size=32,
    evaluate_every=6,
)
STRATEGIES = [SingleTask(task="left"), Equal(), DWA(), Uncertainty(), RevisedUncertainty()]


def trial(**fields):
    return dataclasses.replace(TRIAL, **fields)


@pytest.fixture(scope="module")
def dataset(digits):
    """The whole training split, and a few examples to evaluate on."""

    def few(examples, n):
        def cut(column):
            return Column(column.values[:n], column.kind, column.scale)

        return Examples(cut(examples.inputs), {name: cut(column) for name, column in examples.targets.items()})

    splits = digits.splits
    return Dataset({"train": splits["train"], "val": few(splits["val"], 20), "test": few(splits["test"], 30)}, "few")


def run(trials, dataset, checkpoints=None, *, save=False):
    """Outcomes, and with `save` the bytes of a checkpoint after each step, by step and trial."""
    saved = {}
    outcomes = train(
        trials,
        dataset,
        Computation(CPU),
        checkpoints=checkpoints or [None] * len(trials),
        checkpoint_seconds=0.0 if save else 1e9,
        save=lambda c: saved.setdefault(c.step, {}).update({c.trial_id: c.to_bytes()}),
        progress=lambda step: None,
    )
    return outcomes, saved


def rows_of(outcome):
    return [{k: v for k, v in row.items() if k != "train_samples_per_second"} for row in outcome.rows]


# -- against a loop that shares no code with mtlray's


class PlainLeNet(nn.Module):
    """Preset A as a textbook writes it, ReLU before pooling."""

    def __init__(self, n_heads):
        super().__init__()
        self.conv1, self.conv2, self.fc = nn.Conv2d(1, 10, 5), nn.Conv2d(10, 20, 5), nn.Linear(720, 50)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10)) for _ in range(n_heads)
        )

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        z = F.relu(self.fc(x.flatten(1)))
        return [head(z) for head in self.heads]


def plain_training(spec, splits, tasks):
    """Parameters after `spec.steps` of SGD, in the order in which they are made."""
    torch.manual_seed(stream_seed(spec.seed, "init"))
    network = PlainLeNet(len(tasks)).double()
    s = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    c = torch.ones(2, dtype=torch.float64, requires_grad=True)
    groups = [
        {"params": list(network.parameters()), "lr": 0.05, "weight_decay": 1e-3},
        {"params": [s, c], "lr": 0.02, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    chosen = torch.from_numpy(subset(len(splits["train"]), spec.fraction, spec.seed))
    step, epoch, history = 0, 0, []
    while step < spec.steps:
        order = chosen[torch.randperm(len(chosen), generator=generator(spec.seed, "order", epoch))]
        epoch_losses = []
        for batch in order.split(spec.batch_size):
            if step == spec.steps:
                break
            x = splits["train"].inputs.values[batch].double() / 255
            predictions = network(x)
            losses = torch.stack(
                [
                    F.cross_entropy(p, splits["train"].targets[task].values[batch].long())
                    for p, task in zip(predictions, tasks, strict=True)
                ]
            )
            if spec.strategy.key == "dwa":
                weights = torch.ones(2, dtype=torch.float64)
                if len(history) >= 2:
                    weights = 2 * torch.softmax(history[-1] / history[-2] / 2, dim=0)
                objective = (weights * losses).sum()
            elif spec.strategy.key == "uncertainty":
                objective = (torch.exp(-s) * losses + s / 2).sum()
            elif spec.strategy.key == "revised_uncertainty":
                objective = (losses / (2 * c**2) + torch.log(1 + c**2)).sum()
            else:
                objective = losses.sum()
            optimizer.zero_grad()
            objective.backward()
            optimizer.step()
            epoch_losses.append(losses.detach())
            step += 1
        history.append(torch.stack(epoch_losses).mean(dim=0))
        epoch += 1
    return list(network.parameters()), {"log_variance": s, "c": c}


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.label)
def test_same_parameters_as_a_plain_loop(strategy, dataset):
    spec = trial(strategy=strategy, steps=50, precision="float64", evaluate_every=1_000, seed=3)
    assert spec.batches_per_epoch == 6
    assert spec.n_train % spec.batch_size, "the last batch of an epoch is smaller"
    _, saved = run([spec], dataset, save=True)
    checkpoint = Checkpoint.from_bytes(saved[50][spec.trial_id], spec.trial_id)
    tasks = [task.name for task in spec.tasks]
    with torch.random.fork_rng():
        parameters, learned = plain_training(spec, dataset.splits, tasks)
    assert len(parameters) == len(checkpoint.model)
    for (name, mine), plain in zip(checkpoint.model.items(), parameters, strict=True):
        torch.testing.assert_close(mine[0], plain.detach(), rtol=0, atol=1e-10, msg=name)
    for name, mine in checkpoint.strategy["params"].items():
        torch.testing.assert_close(mine[0], learned[name].detach(), rtol=0, atol=1e-10)


# -- step by step


def test_a_walk_gives_each_step_once_it_is_done(dataset):
    trials = [trial(steps=9)]
    walked = Run.of(trials, PackData(trials, dataset, CPU), Computation(CPU))
    assert [(step, walked.step) for step in walk(walked, 4)] == [(n, n) for n in range(1, 5)]
    assert list(walk(walked, 4)) == []
    assert list(walk(walked, 9)) == [5, 6, 7, 8, 9]


def test_a_walk_ends_soon_after_all_trials_have_diverged(dataset):
    trials = [trial(optimizer=SGD(lr=1e30), seed=seed, steps=1_000) for seed in (0, 1)]
    walked = Run.of(trials, PackData(trials, dataset, CPU), Computation(CPU))
    assert list(walk(walked, 1_000)) == list(range(1, 51))
    assert walked.all_diverged
    assert list(walk(walked, 1_000)) == []


# -- resume


@pytest.mark.parametrize(
    ("strategy", "optimizer", "seeds"),
    [
        *((strategy, TRIAL.optimizer, (0,)) for strategy in STRATEGIES),
        (Uncertainty(), Adam(lr=1e-3), (0,)),
        (DWA(), TRIAL.optimizer, (0, 1)),
        (Uncertainty(), Adam(lr=1e-3), (0, 1)),
    ],
    ids=lambda value: getattr(value, "label", None) or getattr(value, "key", None) or str(value),
)
def test_resume_from_every_checkpoint_is_bit_equal(strategy, optimizer, seeds, dataset):
    fields = {"strategy": strategy, "optimizer": optimizer, "fraction": 0.02, "steps": 10, "evaluate_every": 4}
    trials = [trial(seed=seed, **fields) for seed in seeds]
    outcomes, saved = run(trials, dataset, save=True)
    assert sorted(saved) == list(range(1, 11))
    for step in (1, 3, 4, 5, 7, 9):  # beside and at evaluations, which are at 4 and 8, and at both ends
        checkpoints = [Checkpoint.from_bytes(saved[step][t.trial_id], t.trial_id) for t in trials]
        again, resaved = run(trials, dataset, checkpoints, save=True)
        for one, two in zip(outcomes, again, strict=True):
            assert rows_of(two) == rows_of(one)
            assert (two.state, two.step) == (one.state, one.step) == ("done", 10)
        for t in trials:
            first, second = (Checkpoint.from_bytes(s[10][t.trial_id], t.trial_id) for s in (saved, resaved))
            for part in ("model", "meters"):
                assert_equal(getattr(first, part), getattr(second, part))
            for part in ("strategy", "optimizer"):
                for name, tensors in getattr(first, part).items():
                    assert_equal(tensors, getattr(second, part)[name])


@dataclass(frozen=True)
class OneScale(AbstractWeighting):
    """Uncertainty weighting with one learned number for all tasks: a parameter of shape `[seed]`."""

    key: ClassVar[str] = "one_scale"

    def init(self, tasks, seeds):
        return State(params={"scale": torch.zeros(len(seeds), requires_grad=True)})

    def combine(self, losses, state):
        scale = state.params["scale"].unsqueeze(1)
        weights = torch.exp(-scale).expand(losses.shape)
        return (weights * losses + scale).sum(dim=1), weights, state


@pytest.mark.parametrize("optimizer", [TRIAL.optimizer, Adam(lr=1e-2)], ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("seeds", [(0,), (0, 1), (0, 1, 2)])
def test_a_strategy_parameter_with_one_number_a_seed_resumes_bit_equal(optimizer, seeds, dataset):
    fields = {"strategy": OneScale(), "optimizer": optimizer, "fraction": 0.02, "steps": 6, "evaluate_every": 3}
    trials = [trial(seed=seed, **fields) for seed in seeds]
    outcomes, saved = run(trials, dataset, save=True)
    checkpoints = [Checkpoint.from_bytes(saved[3][t.trial_id], t.trial_id) for t in trials]
    again, resaved = run(trials, dataset, checkpoints, save=True)
    assert [rows_of(o) for o in again] == [rows_of(o) for o in outcomes]
    for t in trials:
        first, second = (Checkpoint.from_bytes(s[6][t.trial_id], t.trial_id) for s in (saved, resaved))
        assert_equal(first.strategy["params"], second.strategy["params"])
        for name, slots in first.optimizer.items():
            assert_equal(slots, second.optimizer[name])


def assert_equal(one, two):
    assert one.keys() == two.keys()
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_dropout_survives_a_resume(dataset, data_root):
    spec = MultiMNIST(source="mnist5k", val_digits=200, image_size=28)
    spec.prepare(data_root)
    t = trial(dataset=spec, model=LeNet(preset="A28"), steps=10, evaluate_every=10)
    (outcome,), saved = run([t], spec.load(data_root), save=True)
    (again,), _ = run([t], spec.load(data_root), [Checkpoint.from_bytes(saved[5][t.trial_id], t.trial_id)])
    assert rows_of(again) == rows_of(outcome)


def test_a_checkpoint_of_another_trial_is_refused(dataset):
    t = trial(steps=5)
    _, saved = run([t], dataset, save=True)
    data = saved[5][t.trial_id]
    with pytest.raises(ResultsError) as caught:
        Checkpoint.from_bytes(data, "0" * 16)
    assert str(caught.value) == f"A checkpoint of trial {'0' * 16} was expected. Found that of {t.trial_id}."
    for torn in (b"", data[: len(data) // 2], b"not a checkpoint"):
        with pytest.raises(ResultsError, match=f"The checkpoint of trial {t.trial_id} does not load: "):
            Checkpoint.from_bytes(torn, t.trial_id)


# -- packs


@pytest.mark.parametrize("strategy", STRATEGIES[1:], ids=lambda s: s.label)
def test_pack_equals_alone(strategy, dataset):
    fields = {"strategy": strategy, "precision": "float64", "fraction": 0.02, "steps": 10}  # three epochs and a batch
    trials = [trial(seed=seed, **fields) for seed in (2, 0)]
    together, _ = run(trials, dataset)
    for t, outcome in zip(trials, together, strict=True):
        (alone,), _ = run([t], dataset)
        for one, two in zip(rows_of(alone), rows_of(outcome), strict=True):
            assert one.pop("strategy_scalars") == two.pop("strategy_scalars")
            assert two == pytest.approx(one, rel=1e-9, abs=1e-12)


# -- divergence


@dataclass(frozen=True)
class Explosive(AbstractWeighting):
    """The plain sum, until one seed's objective explodes at one step."""

    seed: int
    step: int

    key: ClassVar[str] = "explosive"

    def init(self, tasks, seeds):
        return State(buffers={"seed": seeds.clone(), "step": torch.zeros(len(seeds))})

    def combine(self, losses, state):
        step = state.buffers["step"] + 1
        now = (state.buffers["seed"] == self.seed) & (step == self.step)
        weights = torch.where(now, 1e30, 1.0).to(losses.dtype).unsqueeze(1).expand(losses.shape)
        return (weights * losses).sum(dim=1), weights, state.with_buffers(step=step)


def test_a_huge_learning_rate_diverges_at_its_step(dataset):
    (outcome,), _ = run([trial(optimizer=SGD(lr=1e30))], dataset)
    assert (outcome.state, outcome.step, outcome.rows) == (
        "diverged",
        2,
        [],
    )  # the loss before the first update is fine


@pytest.mark.parametrize("step", [2, 49, 50, 51])
def test_divergence_far_from_any_evaluation_has_its_exact_step(step, dataset):
    trials = [trial(strategy=Explosive(seed=1, step=step - 1), seed=s, steps=60, evaluate_every=60) for s in (1, 0)]
    for pack in (trials[:1], trials):
        outcomes, _ = run(pack, dataset)
        assert [(o.state, o.step) for o in outcomes] == [("diverged", step), ("done", 60)][: len(pack)]


def test_divergence_keeps_the_rows_of_before(dataset):
    (outcome,), _ = run([trial(strategy=Explosive(seed=0, step=8))], dataset)
    assert (outcome.state, outcome.step) == ("diverged", 9)
    assert [row["step"] for row in outcome.rows] == [6]


@pytest.mark.parametrize("exploding", [0, 1])
def test_the_others_of_a_pack_go_on_as_if_nothing_had_happened(exploding, dataset):
    calm, wild = (
        run(
            [trial(strategy=Explosive(seed=who, step=4), seed=seed, steps=12, evaluate_every=3) for seed in (0, 1)],
            dataset,
        )[0]
        for who in (99, exploding)
    )
    for seed, (one, two) in enumerate(zip(calm, wild, strict=True)):
        if seed == exploding:
            assert (two.state, two.step, [row["step"] for row in two.rows]) == ("diverged", 5, [3])
        else:
            assert (two.state, two.step) == ("done", 12)
            assert rows_of(two) == rows_of(one)


def test_an_update_that_breaks_the_network_at_the_last_step_is_a_divergence(dataset):
    (outcome,), _ = run([trial(strategy=Explosive(seed=0, step=12), steps=12, evaluate_every=6)], dataset)
    assert (outcome.state, outcome.step) == ("diverged", 12)
    assert [row["step"] for row in outcome.rows] == [6]


def test_a_pack_that_diverged_as_a_whole_stops(dataset):
    trials = [trial(optimizer=SGD(lr=1e30), seed=seed, steps=10_000) for seed in (0, 1)]
    outcomes, _ = run(trials, dataset)
    assert [(o.state, o.step) for o in outcomes] == [("diverged", 2)] * 2


@pytest.mark.parametrize("stopped_at", [8, 9, 10, 15])
def test_divergence_survives_a_resume(stopped_at, dataset):
    trials = [trial(strategy=Explosive(seed=0, step=8), seed=seed) for seed in (0, 1)]
    outcomes, saved = run(trials, dataset, save=True)
    checkpoints = [Checkpoint.from_bytes(saved[stopped_at][t.trial_id], t.trial_id) for t in trials]
    assert [int(c.meters["diverged_at"]) for c in checkpoints] == [9 if stopped_at >= 9 else -1, -1]
    again, _ = run(trials, dataset, checkpoints)
    assert [(o.state, o.step, rows_of(o)) for o in again] == [(o.state, o.step, rows_of(o)) for o in outcomes]


# -- cadence


@pytest.mark.parametrize(
    ("steps", "every", "expected"),
    [(20, 6, [6, 12, 18, 20]), (18, 6, [6, 12, 18]), (4, 6, [4]), (14, "epoch", [6, 12, 14])],
)
def test_evaluations(steps, every, expected, dataset):
    spec = trial(steps=steps, evaluate_every=every)
    (outcome,), _ = run([spec], dataset)
    assert [row["step"] for row in outcome.rows] == expected
    assert [row["epoch"] for row in outcome.rows] == [step / 6 for step in expected]
    assert (outcome.state, outcome.step) == ("done", steps)
    assert spec.n_evaluations == len(expected)


def test_the_cadence_changes_no_other_number(dataset):
    often, seldom = (run([trial(evaluate_every=n, steps=12)], dataset)[0][0] for n in (3, 12))
    last, only = rows_of(often)[-1], rows_of(seldom)[-1]
    for name in ("val/left/loss", "test/left/accuracy", "test/right/loss", "grad_norm/trunk", "epoch"):
        assert last[name] == only[name]
    for name in ("train/left/loss", "weight/left"):
        mean = sum(row[name] for row in often.rows) / 4
        assert mean == pytest.approx(only[name], rel=1e-6)


def test_every_fraction_gets_the_same_steps(dataset):
    outcomes = [run([trial(fraction=f, evaluate_every=10)], dataset)[0][0] for f in (0.05, 0.02)]
    assert [o.step for o in outcomes] == [20, 20]
    assert [[row["step"] for row in o.rows] for o in outcomes] == [[10, 20]] * 2


def test_rows_hold_what_the_schema_asks_for(dataset):
    (outcome,), _ = run([trial(strategy=Uncertainty(), steps=2)], dataset)
    (row,) = outcome.rows
    assert set(row) == {
        "step", "epoch", "weight_sum", "grad_norm/trunk", "strategy_scalars", "train_samples_per_second",
        *(f"{kind}/{task}" for kind in ("weight",) for task in ("left", "right")),
        *(f"train/{task}/loss" for task in ("left", "right")),
        "val/score", "test/score",
        *(f"{s}/{task}/{m}" for s in ("val", "test") for task in ("left", "right") for m in ("loss", "accuracy")),
    }  # fmt: skip
    assert row["weight_sum"] == row["weight/left"] + row["weight/right"]


def test_a_single_task_trial_has_no_other_columns(dataset):
    (outcome,), _ = run([trial(strategy=SingleTask(task="right"), steps=2)], dataset)
    assert not [name for name in outcome.rows[0] if "left" in name]


def test_no_validation_split_gives_no_columns(dataset):
    empty = dataset.splits["val"]
    none = Examples(Column(empty.inputs.values[:0], "image"), {})
    splits = {**dataset.splits, "val": none}
    (outcome,), _ = run([trial(steps=2)], Dataset(splits, "none"))
    assert not [name for name in outcome.rows[0] if name.startswith("val/")]
