"""Batches without any label of a task: every strategy takes the step of the tasks that are there, as if there were no other."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from plain_mlp import TASKS, copies, every_strategy, fast_ones, losses, stepped, with_strategy

from mtlray import MLP, SGD, Adam, ArrayDataset, Equal, TrialSpec
from mtlray.models import Computation
from mtlray.strategies import DWA, STCH, Constant, Uncertainty
from mtlray.training.absence import cut
from mtlray.training.evaluation import evaluate
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

CPU = torch.device("cpu")
KIND, BIG, SIZE = range(3)
STEPS, BATCH = 12, 3
EVERY = list(every_strategy())


def table(missing):
    """96 examples; `missing(rng, n)` says where labels of (kind, big, size) are missing, `[example, task]`."""

    def arrays():
        rng = np.random.default_rng(1)
        x = rng.normal(size=(96, 3))
        labels = np.stack([rng.integers(0, 3, 96), x[:, 0] > 0, x @ [1, 2, 3] + rng.normal(size=96)], axis=1)
        labels[missing(rng, 96)] = np.nan
        split = np.array(["train", "train", "val", "test"] * 24)
        return {"x": x, "kind": labels[:, 0], "big": labels[:, 1], "size": labels[:, 2], "split": split}

    return arrays


def often(rng, n):
    there = rng.random((n, 3)) < [0.45, 0.4, 0.5]
    return ~there


def no_big(rng, n):
    missing = np.zeros((n, 3), bool)
    missing[:, BIG] = True
    return missing


@functools.cache
def data(missing, tasks):
    with pytest.MonkeyPatch.context() as patched:
        if missing is no_big:  # as in a small fraction of a data set; one without any label of a task is refused
            patched.setattr("mtlray.data.arrays.checks.labels", lambda *_: None)
        return ArrayDataset(
            name="holes", source=table(missing), inputs="x", tasks=tasks, split="split", standardize=False
        )


def trial(strategy, missing=often, tasks=TASKS, **changes):
    dataset = data(missing, tasks)
    base = TrialSpec(
        dataset=dataset, model=MLP(widths=(5,)), strategy=Equal(), optimizer=SGD(lr=0.05, momentum=0.5), steps=STEPS,
        batch_size=BATCH, evaluate_every=4, precision="float64", seed=2,
    )  # fmt: skip
    return with_strategy(dataclasses.replace(base, **changes), strategy)


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    root, loaded = tmp_path_factory.mktemp("data"), {}

    def begin(*trials):
        dataset = trials[0].dataset
        if id(dataset) not in loaded:
            dataset.prepare(root)
            loaded[id(dataset)] = dataset.load(root)
        return Run.of(trials, PackData(trials, loaded[id(dataset)], CPU), Computation(CPU))

    return begin


def plain(run, number):
    """The losses of a mini-batch, None without a label, and the parameters that they are a function of."""
    parameters, (inputs, targets) = copies(run), run._batch(number)
    return losses(parameters, [t.name for t in run.networks.tasks], inputs[0], [t[0] for t in targets]), parameters


def assert_equal(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10, equal_nan=True)


def tensors(state):
    return {**state.params, **state.buffers}


def of_task(strategy, tensor, name, task):
    """What a state's tensor has of one task; None where it has nothing."""
    axes = strategy.by_task.axes.get(name, (1,))
    if tensor.ndim <= axes[0] or tensor.shape[axes[0]] != 3:
        return None
    return tensor.detach().select(axes[0], task).clone()


@pytest.mark.parametrize("strategy", EVERY, ids=lambda s: s.label)
def test_losses_and_gradient_of_a_plain_loop_and_absent_tasks_rest(strategy, run_of):
    run = run_of(trial(strategy))
    names, seen, lacking = [task.name for task in run.networks.tasks], [], 0
    run.meters.add = lambda step, values, present: seen.append(values)
    for _ in range(STEPS):
        parameters = copies(run)
        batches = [[part[0] for part in (x, *targets)] for x, targets in map(run._batch, run._numbers())]
        problems = [losses(parameters, names, x, targets) for x, *targets in batches]
        present = [t for t in range(len(names)) if all(found[t] is not None for found, _ in problems)]
        before, seen[:] = {n: t.detach().clone() for n, t in tensors(run.state).items()}, []
        expected = torch.zeros(len(names)).double(), {n: torch.zeros_like(p) for n, p in parameters.items()}, {}
        if present:
            part = cut(strategy, run.state, 0, present, len(names)).state
            weights, *gradients = stepped(strategy, part, parameters, names, problems, present)
            expected[0][present], expected = weights, (expected[0], *gradients)
        assert_equal(run.advance()[0], expected[0])
        for name, parameter in run.networks.parameters.items():
            assert_equal(parameter.grad, expected[1][name])
        for name, gradient in expected[2].items():
            assert_equal(run.state.params[name].grad[:, present], gradient)
        for values, (found, _) in zip(seen, problems, strict=True):
            for t, loss in enumerate(found):
                assert_equal(values[0, t], loss.detach() if t in present else torch.tensor(0.0).double())
        for t in set(range(len(names))) - set(present):
            lacking += 1
            for name, tensor in tensors(run.state).items():
                now = of_task(strategy, tensor, name, t)
                assert now is None or torch.equal(now, of_task(strategy, before[name], name, t)), name
    assert lacking


@pytest.mark.parametrize("strategy", fast_ones(EVERY), ids=lambda s: s.label)
def test_a_task_that_never_has_a_label_is_as_if_it_were_not_there(strategy, run_of):
    """The same weights, losses and trunk as of the same strategy on the other tasks alone."""
    others = (TASKS[KIND], TASKS[SIZE])
    fewer = {"constant": Constant((0.5, 2.0)), "stch": STCH(weights=(1 / 3, 1 / 3))}.get(strategy.key, strategy)
    with_it = run_of(trial(strategy, no_big))
    without = run_of(trial(fewer, no_big, others))
    kept = [i for i, task in enumerate(with_it.networks.tasks) if task.name != "big"]
    same = {n: p for n, p in with_it.networks.state().items() if ".big." not in n}
    without.networks.load({n: same[n] for n in without.networks.state()})
    for _ in range(STEPS * 3):
        weights = with_it.advance()[:, kept], without.advance()
        torch.testing.assert_close(*weights, rtol=1e-10, atol=1e-10, equal_nan=True)
    for name, expected in without.networks.state().items():
        torch.testing.assert_close(with_it.networks.state()[name], expected, rtol=0, atol=1e-10, msg=name)
    mean, expected = (r.meters.interval_losses for r in (with_it, without))
    torch.testing.assert_close(mean[:, kept], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("strategy", fast_ones(EVERY), ids=lambda s: s.label)
def test_each_seed_of_a_pack_lacks_its_own_labels(strategy, run_of):
    trials = [trial(strategy, seed=seed) for seed in (2, 3, 4)]
    pack = run_of(*trials)
    alone = [run_of(one) for one in trials]
    for _ in range(STEPS):
        weights = pack.advance()
        expected = torch.cat([run.advance() for run in alone])
        torch.testing.assert_close(weights, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    for i, run in enumerate(alone):
        for name, tensor in run.networks.state().items():
            torch.testing.assert_close(pack.networks.state()[name][i : i + 1], tensor, rtol=1e-9, atol=1e-9, msg=name)
        for name, tensor in tensors(run.state).items():
            torch.testing.assert_close(tensors(pack.state)[name][i : i + 1], tensor, rtol=1e-9, atol=1e-9, msg=name)


@pytest.mark.parametrize("strategy", fast_ones(EVERY), ids=lambda s: s.label)
def test_a_run_continues_bit_for_bit(strategy, run_of):
    trials = [trial(strategy, seed=seed, optimizer=Adam(lr=0.01)) for seed in (2, 3)]
    ids = [one.trial_id for one in trials]
    through, cut = run_of(*trials), run_of(*trials)
    for step in range(STEPS):
        if step in (1, 5, 6):
            saved = cut.checkpoints(ids)
            cut = run_of(*trials)
            cut.restore(saved)
        through.advance()
        cut.advance()
    for (name, one), other in zip(through.networks.state().items(), cut.networks.state().values(), strict=True):
        assert torch.equal(one, other), name
    for kind, sums in through.meters.state().items():
        torch.testing.assert_close(sums, cut.meters.state()[kind], rtol=0, atol=0, equal_nan=True, msg=kind)


def test_an_optimizers_averages_of_an_absent_task_rest(run_of):
    run = run_of(trial(Uncertainty(), optimizer=Adam(lr=0.1)))
    rested = 0
    for step in range(STEPS):
        present = run._present(step)[0]
        (parameter,) = run.state.params.values()
        slots = run.optimizer.state.get(parameter, {})
        before = parameter.detach().clone(), {k: v.clone() for k, v in slots.items() if v.shape == parameter.shape}
        run.advance()
        gone = ~present
        assert torch.equal(parameter[0, gone], before[0][0, gone])
        assert not torch.equal(parameter[0, present], before[0][0, present]) or not present.any()
        for name, slot in before[1].items():
            assert torch.equal(run.optimizer.state[parameter][name][0, gone], slot[0, gone])
            rested += int(gone.sum())
    assert rested


def test_training_means_are_over_the_batches_with_a_label(run_of):
    run = run_of(trial(DWA()))
    sums, counts = np.zeros(3), np.zeros(3)
    for step in range(STEPS):
        (found, _), _ = plain(run, step)
        sums += [0.0 if loss is None else loss.item() for loss in found]
        counts += [loss is not None for loss in found]
        run.advance()
    assert counts.min() < STEPS
    np.testing.assert_allclose(run.meters.mean_losses(STEPS)[0], sums / counts, rtol=1e-10)


def test_an_evaluation_is_over_the_examples_with_a_label(run_of):
    run = run_of(trial(DWA()))
    data = run._batch.__self__
    (inputs, *targets), test = [c[0] for c in data_of(data, "test")], data.splits["test"]
    for cut_at in (500, 7):
        measured = evaluate(run.networks, test, cut_at, data.labelled["test"])
        found, _ = losses(copies(run), ["kind", "big", "size"], inputs, targets)
        for name, loss in zip(("kind", "big", "size"), found, strict=True):
            assert measured[f"{name}/loss"][0] == pytest.approx(loss.item(), abs=1e-10)
    nothing = run_of(trial(DWA(), no_big))
    data = nothing._batch.__self__
    assert "big/loss" not in evaluate(nothing.networks, data.splits["test"], 500, data.labelled["test"])


def data_of(data, split):
    """Inputs and targets of a whole split, `[1, example, ...]`."""
    examples = data.splits[split]
    rows = examples.located(torch.arange(len(examples))[None])
    return [c.gather(rows, torch.float64) for c in (examples.inputs, *(examples.targets[n] for n in data._names))]
