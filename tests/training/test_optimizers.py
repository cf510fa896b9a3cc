"""Optimizers, schedules and clipping: torch's own bit for bit over 200 steps, and again after a restart at any of them."""

import dataclasses
import math
import random
import warnings

import pytest
import torch

from mtlray import (
    MLP,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ArrayDataset,
    Cosine,
    Equal,
    MultiStep,
    NAdam,
    Plateau,
    RMSprop,
    Schedule,
    Steps,
    TrialSpec,
    Uncertainty,
    classification,
    regression,
)  # fmt: skip
from mtlray.errors import SpecError
from mtlray.models import Computation
from mtlray.planning.plan import packs
from mtlray.training.curve import Curves
from mtlray.training.evaluation import evaluate
from mtlray.training.loop import train
from mtlray.training.rates import Rates
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

STEPS = 200


def arrays():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(80, 6, generator=random)
    return {"x": x.numpy(), "kind": (x[:, 0] > 0).long().numpy(), "sum": x.sum(dim=1).numpy()}


BASE = TrialSpec(
    dataset=ArrayDataset(name="sums", source=arrays, tasks=(classification("kind", classes=2), regression("sum"))),
    model=MLP(widths=(8,)),
    strategy=Equal(),
    optimizer=SGD(lr=0.05),
    steps=STEPS,
    batch_size=16,
    evaluate_every=10,
)
OPTIMIZERS = {
    "sgd": (SGD(lr=0.05, momentum=0.9, weight_decay=1e-3), torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (SGD(lr=0.05, momentum=0.9, nesterov=True), torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (Adam(lr=0.01, betas=(0.8, 0.99), eps=1e-7), torch.optim.Adam, {"betas": (0.8, 0.99), "eps": 1e-7}),
    "adamw": (AdamW(lr=0.01, weight_decay=0.1), torch.optim.AdamW, {}),
    "nadam": (NAdam(lr=0.01, momentum_decay=1e-3), torch.optim.NAdam, {"momentum_decay": 1e-3}),
    "rmsprop": (
        RMSprop(lr=0.01, momentum=0.5, centered=True), torch.optim.RMSprop, {"momentum": 0.5, "centered": True},
    ),
    "adagrad": (
        Adagrad(lr=0.1, lr_decay=1e-3, initial_accumulator_value=0.1), torch.optim.Adagrad,
        {"lr_decay": 1e-3, "initial_accumulator_value": 0.1},
    ),
}  # fmt: skip


def run_of(trial, root, trials=None):
    trial.dataset.prepare(root)
    data = PackData(trials or [trial], trial.dataset.load(root), torch.device("cpu"))
    return Run.of(trials or [trial], data, Computation(torch.device("cpu"))), data


def weights(run):
    return {name: parameter.detach().clone() for name, parameter in run.networks.parameters.items()}


def plain(trial, root, optimizer_class, arguments, scheduler=None, clip=None):
    """The same training as anyone writes it with torch."""
    run, _ = run_of(trial, root)
    parameters, spec = list(run.networks.parameters.values()), trial.optimizer
    fused = {"fused": True} if optimizer_class not in (torch.optim.NAdam, torch.optim.RMSprop) else {}
    optimizer = optimizer_class(parameters, lr=spec.lr, weight_decay=spec.weight_decay, **arguments, **fused)
    schedule = scheduler(optimizer) if scheduler else None
    for step in range(STEPS):
        optimizer.zero_grad()
        run.networks.losses(*run._batch(step), step).values.sum().backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        if schedule is not None:
            schedule.step()
    return weights(run)


def ours(trial, root, cut=None):
    run, _ = run_of(trial, root)
    for step in range(STEPS):
        if step == cut:
            saved = run.checkpoints([trial.trial_id])
            run, _ = run_of(trial, root)
            run.restore(saved)
        run.advance()
    return weights(run)


def assert_same(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_torchs_and_continues_from_a_checkpoint(name, tmp_path):
    spec, cls, arguments = OPTIMIZERS[name]
    trial = dataclasses.replace(BASE, optimizer=spec)
    expected = plain(trial, tmp_path, cls, arguments)
    assert_same(ours(trial, tmp_path), expected)
    assert_same(ours(trial, tmp_path, cut=random.Random(name).randrange(1, STEPS)), expected)


SCHEDULES = {
    "constant": (Schedule(), lambda o: torch.optim.lr_scheduler.ConstantLR(o, factor=1.0)),
    "cosine": (Cosine(end=0.1), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.005)),
    "step": (Steps(every=30, factor=0.5), lambda o: torch.optim.lr_scheduler.StepLR(o, 30, gamma=0.5)),
    "multistep": (MultiStep(at=(20, 90)), lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [20, 90])),
    "warmup": (Schedule(warmup=40), lambda o: torch.optim.lr_scheduler.LinearLR(o, 1 / 40, total_iters=40)),
    "warmup, cosine": (
        Cosine(warmup=40),
        lambda o: torch.optim.lr_scheduler.SequentialLR(
            o,
            [
                torch.optim.lr_scheduler.LinearLR(o, 1 / 40, total_iters=40),
                torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS - 40),
            ],
            [40],
        ),
    ),
    "warmup, step": (
        Steps(warmup=40, every=30, factor=0.5),
        lambda o: torch.optim.lr_scheduler.SequentialLR(
            o,
            [
                torch.optim.lr_scheduler.LinearLR(o, 1 / 40, total_iters=40),
                torch.optim.lr_scheduler.StepLR(o, 30, gamma=0.5),
            ],
            [40],
        ),
    ),
}


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step")  # of torch's own SequentialLR
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_torchs_and_continues_from_a_checkpoint(name, tmp_path):
    schedule, torchs = SCHEDULES[name]
    trial = dataclasses.replace(BASE, optimizer=SGD(lr=0.05, momentum=0.9, schedule=schedule))
    expected = plain(trial, tmp_path, torch.optim.SGD, {"momentum": 0.9}, torchs)
    assert_same(ours(trial, tmp_path), expected)
    assert_same(ours(trial, tmp_path, cut=random.Random(name).randrange(1, STEPS)), expected)


def test_a_plateau_goes_by_the_validation_score():
    rates = Rates(SGD(lr=1.0, strategy_lr=0.5, schedule=Plateau(factor=0.1, patience=1)), 100)
    seen = []
    for step, score in enumerate([0.1, 0.2, 0.2, 0.2, 0.3, 0.3, 0.3]):
        rates.evaluated(score)
        seen.append(rates.at(step + 1))
    assert [first for first, _ in seen] == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01])
    assert [second for _, second in seen] == pytest.approx([0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.005])
    again = Rates(SGD(lr=1.0, schedule=Plateau(factor=0.1, patience=1)), 100)
    again.replay([(1, 0.1), (2, 0.2), (3, 0.2), (4, 0.2)])
    assert again.at(5)[0] == pytest.approx(0.1)


@pytest.mark.parametrize("warmup", [0, 15])
def test_a_plateau_is_torchs_over_200_steps_and_continues_from_a_checkpoint(warmup, tmp_path):
    schedule = Plateau(patience=1, factor=0.5, warmup=warmup)
    trial = dataclasses.replace(BASE, optimizer=SGD(lr=0.1, momentum=0.9, schedule=schedule))

    def begin(saved=()):
        run, data = run_of(trial, tmp_path)
        if saved:
            run.restore(saved)
        return run, Curves([trial], data, run, saved), data

    def train_it(cut=None):
        run, curves, _ = begin()
        for step in range(STEPS):
            if step == cut:
                run, curves, _ = begin(curves.checkpoints())
            run.advance()
            if run.step % 10 == 0:
                curves.evaluate()
        return weights(run)

    run, curves, data = begin()
    optimizer = torch.optim.SGD(run.networks.parameters.values(), lr=0.1, momentum=0.9, fused=True)
    rising = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / warmup, total_iters=warmup) if warmup else None
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "max", 0.5, 1, 0.0, "abs")
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        run.networks.losses(*run._batch(step - 1), step).values.sum().backward()
        optimizer.step()
        if rising is not None:
            rising.step()
        if step % 10 == 0:
            measured = evaluate(run.networks, data.splits["val"])
            row = {f"val/{name}": values[0] for name, values in measured.items()}
            plateau.step(curves.score.of(row, "val"))
    assert optimizer.param_groups[0]["lr"] < 0.1
    assert_same(train_it(), weights(run))
    assert_same(train_it(cut=random.Random(warmup).randrange(1, STEPS)), weights(run))


def test_a_step_of_a_schedule_leaves_the_processs_warnings_alone(monkeypatch):
    entered, real = [], warnings.catch_warnings
    monkeypatch.setattr("mtlray.training.rates.warnings.catch_warnings", lambda: entered.append(1) or real())
    rates = Rates(SGD(lr=0.1, schedule=Cosine(warmup=40)), STEPS)
    for step in range(STEPS):
        rates.at(step)
    assert len(entered) == 1


def whole(trial, dataset, checkpoints=(None,), stop_at=None):
    saved = []
    progress = (lambda step: step >= stop_at) if stop_at else (lambda step: None)
    try:
        outcomes = train(
            [trial], dataset, Computation(torch.device("cpu")), checkpoints=list(checkpoints), checkpoint_seconds=1e9,
            save=saved.append, progress=progress,
        )  # fmt: skip
    except Exception as error:  # Interrupted, on request
        assert stop_at, error  # noqa: PT017
        return saved
    return outcomes[0].rows


def test_a_plateau_continues_from_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)
    trial = dataclasses.replace(BASE, optimizer=SGD(lr=0.5, schedule=Plateau(patience=0, warmup=15)))
    trial.dataset.prepare(tmp_path)
    dataset = trial.dataset.load(tmp_path)

    def numbers(rows):
        return [{k: v for k, v in row.items() if k != "train_samples_per_second"} for row in rows]

    expected = whole(trial, dataset)
    (checkpoint,) = whole(trial, dataset, stop_at=77)
    assert numbers(whole(trial, dataset, [checkpoint])) == numbers(expected)
    constant = whole(dataclasses.replace(trial, optimizer=SGD(lr=0.5)), dataset)
    assert numbers(constant) != numbers(expected)


@pytest.mark.parametrize("schedule", [Plateau(), Cosine()])
def test_trials_whose_rate_goes_by_their_own_score_run_one_by_one(schedule):
    trials = [dataclasses.replace(BASE, seed=s, optimizer=SGD(lr=0.1, schedule=schedule)) for s in range(3)]
    assert [len(pack) for pack in packs(trials, 3)] == ([1, 1, 1] if schedule.by_score else [3])


def test_clipping_is_torchs_and_acts_on_each_seed_of_a_pack(tmp_path):
    trial = dataclasses.replace(BASE, optimizer=SGD(lr=0.05, momentum=0.9, clip_norm=0.3))
    expected = plain(trial, tmp_path, torch.optim.SGD, {"momentum": 0.9}, clip=0.3)
    assert_same(ours(trial, tmp_path), expected)
    unclipped = ours(dataclasses.replace(trial, optimizer=SGD(lr=0.05, momentum=0.9)), tmp_path)
    assert not all(torch.equal(unclipped[name], expected[name]) for name in expected)
    trials = [dataclasses.replace(trial, seed=seed, precision="float64") for seed in (0, 1)]
    pack, _ = run_of(trials[0], tmp_path, trials)
    for _ in range(50):
        pack.advance()
    for i, alone in enumerate(trials):
        run, _ = run_of(alone, tmp_path)
        for _ in range(50):
            run.advance()
        for name, parameter in weights(run).items():
            torch.testing.assert_close(pack.networks.parameters[name][i].detach(), parameter, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("stacked", [False, True])
def test_decay_may_leave_out_vectors(stacked, tmp_path):
    spec = SGD(lr=0.1, weight_decay=0.5, decay_vectors=False)
    trial = dataclasses.replace(BASE, optimizer=spec, strategy=Uncertainty())
    trials = [dataclasses.replace(trial, seed=seed) for seed in range(1 + stacked)]
    run, _ = run_of(trial, tmp_path, trials)
    decayed = {
        id(p): group["weight_decay"] for group in run.optimizer.param_groups for p in group["params"]
    }  # fmt: skip
    for name, parameter in run.networks.parameters.items():
        assert decayed[id(parameter)] == (0.5 if name.endswith("weight") else 0)
    assert all(decayed[id(p)] == 0 for p in run.state.params.values())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_strategys_own_parameters_follow_with_their_own_rate(name, tmp_path):
    spec = dataclasses.replace(OPTIMIZERS[name][0], strategy_lr=1e-4, schedule=Steps(every=10))
    run, _ = run_of(dataclasses.replace(BASE, optimizer=spec, strategy=Uncertainty()), tmp_path)
    for _ in range(25):
        run.advance()
    rates = [group["lr"] for group in run.optimizer.param_groups]
    assert rates == pytest.approx([spec.lr / 100, 1e-6])
    assert all(torch.isfinite(p).all() for p in run.state.params.values())


def test_ids_of_trials_with_the_old_settings_stay_and_new_settings_change_them():
    assert dataclasses.replace(BASE, optimizer=SGD(lr=0.05, nesterov=False, clip_norm=None)).trial_id == BASE.trial_id
    changed = [
        SGD(lr=0.05, schedule=Cosine()), SGD(lr=0.05, schedule=Cosine(warmup=1)), SGD(lr=0.05, clip_norm=1.0),
        SGD(lr=0.05, decay_vectors=False), SGD(lr=0.05, momentum=0.5, nesterov=True), Adam(lr=0.05), AdamW(lr=0.05),
    ]  # fmt: skip
    ids = {dataclasses.replace(BASE, optimizer=spec).trial_id for spec in changed}
    assert len(ids | {BASE.trial_id}) == len(changed) + 1
    labels = {spec.label for spec in changed}
    assert len(labels) == len(changed)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: SGD(lr=0.1, nesterov=True), "nesterov` should be False without momentum"),
        (lambda: Adam(lr=0.1, betas=(0.9, 1.0)), "betas` should be two numbers in"),
        (lambda: SGD(lr=0.1, clip_norm=0), "clip_norm` should be positive or None"),
        (lambda: SGD(lr=0.1, schedule="cosine"), "schedule` should be a schedule, such as Cosine"),
        (
            lambda: SGD(lr=0.1, schedule=Cosine(), halve_every=3),
            "halve_every` should be left out where there is a `schedule`",
        ),
        (lambda: Steps(every=0), "every` should be a number of steps"),
        (lambda: MultiStep(at=(5, 5)), "at` should be numbers of steps, at least 1, each larger"),
        (lambda: Cosine(end=1.0), "end` should lie in"),
        (lambda: Plateau(factor=1.0), "factor` should lie in"),
        (lambda: Schedule(warmup=-1), "warmup` should be a number of steps"),
        (lambda: RMSprop(lr=0.1, alpha=2), "alpha` should lie in"),
        (lambda: Adagrad(lr=0.1, lr_decay=-1), "lr_decay` should be at least 0"),
        (lambda: NAdam(lr=0.1, momentum_decay=math.nan), "momentum_decay` should be finite"),
    ],
)
def test_bad_settings_are_refused(make, match):
    with pytest.raises(SpecError, match=match):
        make()


def test_a_plateau_needs_a_validation_split():
    dataset = dataclasses.replace(BASE.dataset, val=0, tasks=(classification("kind", classes=2), regression("sum")))
    trial = dataclasses.replace(BASE, dataset=dataset, optimizer=SGD(lr=0.1, schedule=Plateau()))
    with pytest.raises(SpecError, match="goes by the validation score, and sums has no validation examples"):
        trial.check()
