"""Tasks with examples of their own: a step takes a batch of each, and every strategy works on it as on any other."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from plain_mlp import TASKS, copies, every_strategy, fast_ones, losses, stepped, with_strategy

from mtlray import MLP, SGD, Adam, ArrayDataset, Equal, TrialSpec
from mtlray.data import subset
from mtlray.errors import DataError
from mtlray.models import Computation
from mtlray.randomness import generator
from mtlray.strategies import SingleTask
from mtlray.training.evaluation import evaluate
from mtlray.training.loop import train
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

CPU = torch.device("cpu")
NAMES = ["kind", "big", "size"]
SIZES = dict(zip(NAMES, (40, 28, 17), strict=True))
STEPS, BATCH = 9, 8
EVERY = list(every_strategy())


def arrays():
    rng = np.random.default_rng(1)
    of = np.repeat(NAMES, [2 * n for n in SIZES.values()])
    x = rng.normal(size=(len(of), 3))
    label = np.where(of == "kind", rng.integers(0, 3, len(of)), np.where(of == "big", x[:, 0] > 0, x.sum(axis=1)))
    split = np.array(["train", "val", "train", "test"] * len(of))[: len(of)]
    return {"x": x, "domain": of, "label": label, "split": split}


@functools.cache
def data(**settings):
    given = {"name": "own", "source": arrays, "inputs": "x", "tasks": TASKS, "standardize": False}
    return ArrayDataset(**given | {"task_column": "domain", "split": "split"} | settings)


def trial(strategy=Equal(), **changes):  # noqa: B008, it is frozen
    base = TrialSpec(
        dataset=data(), model=MLP(widths=(5,)), strategy=Equal(), optimizer=SGD(lr=0.05, momentum=0.5), steps=STEPS,
        batch_size=BATCH, evaluate_every=4, precision="float64", seed=2,
    )  # fmt: skip
    return with_strategy(dataclasses.replace(base, **changes), strategy)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    data().prepare(root)
    return data().load(root)


@pytest.fixture(scope="module")
def run_of(loaded):
    return lambda *trials: Run.of(trials, PackData(trials, loaded, CPU), Computation(CPU))


def own_batch(spec, dataset, number, names=NAMES):
    """Inputs and targets of a mini-batch of each task, drawn as documented, by this test's own means."""
    inputs, targets = [], []
    for name in names:
        train = dataset.splits["train"]
        column = train.targets[name]
        values = column.values
        rows = np.flatnonzero((values >= 0) if column.kind == "label" else ~values.isnan().flatten())
        rows = rows[subset(len(rows), spec.fraction, spec.seed, f"subset of {name}")]
        epoch, position = divmod(number, -(-len(rows) // spec.batch_size))
        order = torch.randperm(len(rows), generator=generator(spec.seed, f"order of {name}", epoch)).numpy()
        chosen = torch.from_numpy(rows[order][position * spec.batch_size : (position + 1) * spec.batch_size])
        inputs.append(train.inputs.values[chosen].double())
        targets.append(values[chosen].long() if column.kind == "label" else values[chosen].double())
    ends = np.cumsum([len(x) for x in inputs])
    return torch.cat(inputs), targets, [slice(e - len(x), e) for e, x in zip(ends, inputs, strict=True)]


def assert_equal(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10, equal_nan=True)


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.label)
def test_losses_and_gradient_of_a_plain_loop(strategy, run_of, loaded):
    spec = trial(strategy, fraction=0.8)
    run, seen = run_of(spec), []
    names = [task.name for task in run.networks.tasks]
    run.meters.add = lambda step, values, present: seen.append(values)
    run.meters.end_epoch = lambda n: (torch.ones(1, len(names)).double(), None)
    for _ in range(STEPS):
        parameters, seen[:] = copies(run), []
        batches = [own_batch(spec, loaded, number, names) for number in run._numbers()]
        problems = [losses(parameters, names, x, targets, blocks) for x, targets, blocks in batches]
        everything = range(len(names))
        weights, gradients, of_state = stepped(strategy, run.state, parameters, names, problems, everything)
        assert_equal(run.advance()[0], weights)
        for name, parameter in run.networks.parameters.items():
            assert_equal(parameter.grad, gradients[name])
        for name, gradient in of_state.items():
            assert_equal(run.state.params[name].grad, gradient)
        for values, (found, _) in zip(seen, problems, strict=True):
            assert_equal(values[0], torch.stack(found).detach())


@pytest.mark.parametrize("strategy", fast_ones(EVERY), ids=lambda s: s.label)
def test_packs_and_checkpoints(strategy, run_of):
    trials = [trial(strategy, seed=seed, optimizer=Adam(lr=0.01)) for seed in (2, 3)]
    pack, cut, alone = run_of(*trials), run_of(*trials), [run_of(one) for one in trials]
    for step in range(STEPS):
        if step == 5:
            saved, cut = cut.checkpoints([one.trial_id for one in trials]), run_of(*trials)
            cut.restore(saved)
        expected = torch.cat([run.advance() for run in alone])
        torch.testing.assert_close(pack.advance(), expected, rtol=1e-9, atol=1e-9, equal_nan=True)
        cut.advance()
    for name, parameter in pack.networks.state().items():
        assert torch.equal(parameter, cut.networks.state()[name]), name
        expected = torch.cat([run.networks.state()[name] for run in alone])
        torch.testing.assert_close(parameter, expected, rtol=1e-9, atol=1e-9, msg=name)


def test_an_epoch_is_a_pass_over_the_largest_tasks_examples(run_of):
    spec = trial()
    assert dict(spec.dataset.own_examples) == SIZES
    assert (spec.n_train, spec.batches_per_epoch, spec.examples_per_batch) == (85, 5, 24)
    quarter = trial(fraction=0.25)
    assert (quarter.n_train, quarter.batches_per_epoch) == (10 + 7 + 4, 2)
    alone = trial(SingleTask("size"))
    assert (alone.n_train, alone.batches_per_epoch, alone.examples_per_batch) == (17, 3, 8)
    ended = []
    run = run_of(dataclasses.replace(spec, steps=11))
    run.meters.end_epoch = lambda n: ended.append((run.step, n)) or (torch.ones(1, 3).double(), None)
    for _ in range(11):
        run.advance()
    assert ended == [(5, 5), (10, 5)]


@pytest.mark.parametrize("name", NAMES)
def test_each_task_passes_over_its_own_subset_whatever_the_others_do(name, run_of, loaded):
    together = PackData([trial(fraction=0.5, steps=100)], loaded, CPU)
    alone = PackData([trial(SingleTask(name), fraction=0.5, steps=100)], loaded, CPU)
    k, seen = NAMES.index(name), []
    for number in range(6):
        x, targets = together.batch(number)
        start = sum(t.shape[1] for t in targets[:k])
        (own,), own_x = alone.batch(number)[1], alone.batch(number)[0]
        torch.testing.assert_close(targets[k], own)
        torch.testing.assert_close(x[:, start : start + own.shape[1]], own_x)
        seen += [tuple(row) for row in own_x[0].tolist()]
    n = round(SIZES[name] * 0.5)
    assert len(set(seen[:n])) == len(set(seen)) == n


def test_each_task_is_measured_on_its_own_examples(run_of, loaded):
    run, test = run_of(trial()), loaded.splits["test"]
    run.advance()
    data = run._batch.__self__
    measured = evaluate(run.networks, data.splits["test"], 7, data.labelled["test"])
    x = test.inputs.values.double()
    targets = [c.values.long() if c.kind == "label" else c.values.double() for c in test.targets.values()]
    for name, loss in zip(NAMES, losses(copies(run), NAMES, x, targets)[0], strict=True):
        assert measured[f"{name}/loss"][0] == pytest.approx(loss.item(), abs=1e-10)
    alone = PackData([trial(SingleTask("big"))], loaded, CPU)
    assert len(alone.splits["test"]) == int((test.targets["big"].values >= 0).sum())


def test_a_trial_from_start_to_end(loaded):
    spec = trial(gradient_diagnostics=True, evaluate_every="epoch")
    (outcome,) = train(
        [spec], loaded, Computation(CPU), checkpoints=[None], checkpoint_seconds=1e9, save=lambda c: None,
        progress=lambda step: None,
    )  # fmt: skip
    assert [(row["step"], row["epoch"]) for row in outcome.rows] == [(5, 1.0), (9, 1.8)]
    assert all(np.isfinite(row[f"test/{name}/loss"]) for row in outcome.rows for name in NAMES)
    assert all(np.isfinite(row[f"gradient/norm/{name}"]) for row in outcome.rows for name in NAMES)


def test_other_numbers_of_examples_than_the_spec_says_are_refused(loaded, monkeypatch):
    monkeypatch.setattr(ArrayDataset, "own_examples", {**SIZES, "big": 27})
    with pytest.raises(DataError, match=r"should have 27 training examples of its own.* Found 28"):
        PackData([trial()], loaded, CPU)
