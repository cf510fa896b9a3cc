"""On a pretended GPU: no operation mixes devices, and no step waits for the device, whatever is trained."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from plain_mlp import TASKS, every_strategy, fast_ones, with_strategy
from pretended_gpu import GPU, pretended
from stored_pictures import people, rooms

from mtlray import (
    MLP,
    SGD,
    VGG,
    Adagrad,
    Adam,
    AdamW,
    ArrayDataset,
    Cosine,
    LeNet,
    MultiMNIST,
    NAdam,
    RMSprop,
    SegNet,
    TrialSpec,
)  # fmt: skip
from mtlray.data import Column, Dataset, Examples
from mtlray.models import Computation
from mtlray.strategies import CAGrad, Equal, Uncertainty
from mtlray.strategies.every import every_strategy as of_digits
from mtlray.training.curve import Curves
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

DIGITS = MultiMNIST(source="mnist5k", val_digits=500)
TRIAL = TrialSpec(
    dataset=DIGITS, model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.02, momentum=0.9), steps=9, batch_size=4,
    evaluate_every=9,
)  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    random = torch.Generator().manual_seed(0)

    def split(n):
        images = torch.randint(0, 255, (n, *DIGITS.input_shape), dtype=torch.uint8, generator=random)
        labels = (torch.randint(0, 10, (n,), dtype=torch.uint8, generator=random) for _ in DIGITS.tasks)
        targets = {t.name: Column(one, "label") for t, one in zip(DIGITS.tasks, labels, strict=True)}
        return Examples(Column(images, "image"), targets)

    return Dataset({"train": split(DIGITS.n_examples("train")), "val": split(6), "test": split(6)}, "digits")


def examined(trials, dataset, steps=4):
    """What a pack does on the pretended device: mixtures in all of it, and waits in the steps after the first."""
    with pretended() as found:
        data = PackData(trials, dataset, GPU)
        run = Run.of(trials, data, Computation(GPU))
        curves = Curves(trials, data, run)
        run.advance()
        found.waits.clear()
        for _ in range(steps - 1):
            run.advance()
        waits = dict(found.waits)
        curves.evaluate()
        run.restore(run.checkpoints([trial.trial_id for trial in trials]))
        run.advance()
        data.close()
    assert found.operations > 20, "it ran on the device"
    return dict(found.mixtures), waits


def has_solver(strategy):
    return hasattr(getattr(strategy, "strategy", strategy), "on_solver_error")


def check(trials, dataset):
    mixtures, waits = examined(trials, dataset)
    assert mixtures == {}
    if has_solver(trials[0].strategy) and waits:
        # The solver runs on the CPU, which waits for the Gramian once a step.
        assert {line.partition(":")[0] for line in waits} == {"to @ strategies/gramian.py"}
        assert sum(waits.values()) == 3
    else:
        assert waits == {}


@pytest.mark.parametrize("strategy", fast_ones(of_digits(DIGITS.tasks, points=1)), ids=lambda s: s.label)
@pytest.mark.parametrize("seeds", [1, 2])
def test_every_strategy_on_two_tasks(strategy, seeds, digits):
    check([dataclasses.replace(TRIAL, strategy=strategy, seed=seed) for seed in range(seeds)], digits)


# -- three tasks of three kinds, with and without labels missing, and each with its own examples


def table(missing=0.0, own=False):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(96, 3))
    labels = np.stack([rng.integers(0, 3, 96), x[:, 0] > 0, x.sum(axis=1)], axis=1)
    if not own:
        labels[rng.random((96, 3)) < missing] = np.nan
    split = np.array(["train", "train", "val", "test"] * 24)
    columns = {"kind": labels[:, 0], "big": labels[:, 1], "size": labels[:, 2]}
    if own:
        which = np.tile(np.repeat(np.arange(3), 4), 8)
        columns = {"domain": np.array(["kind", "big", "size"])[which], "label": labels[np.arange(96), which]}
    return {"x": x, **columns, "split": split}


def missing():
    return table(missing=0.6)


def own():
    return table(own=True)


@functools.cache
def rows(source):
    extra = {"task_column": "domain"} if source is own else {}
    return ArrayDataset(
        name=source.__name__, source=source, inputs="x", tasks=TASKS, split="split", standardize=False, **extra
    )


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")

    def load(spec):
        spec.prepare(root)
        return spec.load(root)

    return functools.cache(load)


def of_rows(strategy, source, **changes):
    trial = dataclasses.replace(TRIAL, dataset=rows(source), model=MLP(widths=(5,)), **changes)
    return with_strategy(trial, strategy)


@pytest.mark.parametrize("strategy", fast_ones(every_strategy()), ids=lambda s: s.label)
@pytest.mark.parametrize("source", [table, own])
def test_every_strategy_on_three_tasks(strategy, source, loaded):
    check([of_rows(strategy, source)], loaded(rows(source)))


@pytest.mark.parametrize("strategy", fast_ones(every_strategy()), ids=lambda s: s.label)
def test_every_strategy_where_labels_are_missing(strategy, loaded):
    check([of_rows(strategy, missing)], loaded(rows(missing)))


OPTIMIZERS = [
    SGD(lr=0.1, nesterov=True, momentum=0.5, clip_norm=1.0), Adam(lr=0.01), AdamW(lr=0.01, decay_vectors=False),
    NAdam(lr=0.01), RMSprop(lr=0.01), Adagrad(lr=0.01), SGD(lr=0.1, schedule=Cosine(warmup=3)),
]  # fmt: skip


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: o.label)
@pytest.mark.parametrize("seeds", [1, 2])
def test_every_optimizer(optimizer, seeds, loaded):
    check([of_rows(Uncertainty(), table, optimizer=optimizer, seed=s) for s in range(seeds)], loaded(rows(table)))


# -- models


@pytest.mark.parametrize("strategy", [Equal(), CAGrad()], ids=lambda s: s.label)
@pytest.mark.parametrize(("make", "model"), [(rooms, SegNet("tiny")), (people, VGG("small"))], ids=["segnet", "vgg"])
def test_pictures(make, model, strategy, tmp_path):
    spec = make(tmp_path)
    trial = dataclasses.replace(TRIAL, dataset=spec, model=model, strategy=strategy, batch_size=2)
    check([trial], spec.load(tmp_path))


class Waits(Equal):
    def combine(self, losses, state):
        losses.sum().item()
        return super().combine(losses, state)


class Mixes(Equal):
    def combine(self, losses, state):
        return super().combine(losses * torch.ones(losses.shape), state)


class Copies(Equal):
    def combine(self, losses, state):
        losses.detach().cpu()
        return super().combine(losses, state)


def test_a_planted_wait_and_a_planted_tensor_are_found(digits):
    for planted, mixed, waited in ((Waits, False, True), (Mixes, True, False), (Copies, False, True)):
        mixtures, waits = examined([with_strategy(TRIAL, planted())], digits)
        assert (bool(mixtures), bool(waits)) == (mixed, waited), (planted, mixtures, waits)
