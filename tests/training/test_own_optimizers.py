"""An optimizer class of one's own: built with checked arguments, one for each seed of a pack, exact on resume."""

import dataclasses
import functools

import pytest
import torch
from plain_mlp import TASKS

from mtlray import MLP, SGD, ArrayDataset, Equal, OwnOptimizer, TrialSpec, Uncertainty
from mtlray.errors import SpecError
from mtlray.models import Computation
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

CPU = torch.device("cpu")


class Normalised(torch.optim.Optimizer):
    """Momentum along gradients of length one: the length is of a whole tensor, so that seeds must not be mixed."""

    def __init__(self, params, lr, beta=0.9, weight_decay=0.0):
        super().__init__(params, {"lr": lr, "beta": beta, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state.update(step=0, largest=0.0, mean=torch.zeros_like(p), row=torch.zeros(p.shape[:1]).to(p))
                state["step"] += 1
                state["largest"] = max(state["largest"], float(p.grad.norm()))
                state["mean"].lerp_(p.grad / p.grad.norm().clamp(min=1e-12), 1 - group["beta"])
                state["row"] += p.grad.flatten(1).sum(dim=1) if p.ndim > 1 else p.grad
                shrunk = group["lr"] / state["step"] ** 0.1 / (1 + state["largest"])
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(
                    shrunk * (state["mean"] + 0.01 * state["row"].sum())
                )


class Bare(torch.optim.Optimizer):
    """What the refused ones below begin with."""

    def __init__(self, params, lr, scale=1.0):
        super().__init__(params, {"lr": lr})
        self.scale, self.seen = scale, 0

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * self.scale * p.grad)


class CountsItself(Bare):
    def step(self):
        self.seen += 1
        self.scale = 1 / self.seen
        super().step()


class InGroups(Bare):
    def step(self):
        for group in self.param_groups:
            group["lr"] *= 0.9
        super().step()


class Random(Bare):
    def step(self):
        self.scale = float(torch.rand(()))
        super().step()


class Replaces(Bare):
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.data = p.data - group["lr"] * p.grad


class Lists(Bare):
    def step(self):
        for p in self.param_groups[0]["params"]:
            self.state[p]["history"] = [p.grad.clone()]
        super().step()


class NeedsBeta(Bare):
    def __init__(self, params, lr, beta):
        super().__init__(params, lr, beta)


class NoRate(Bare):
    def __init__(self, params, eta=0.1):
        super().__init__(params, eta)


def arrays():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(60, 4, generator=random)
    return {
        "x": x.numpy(),
        "kind": (x[:, 0] > 0).long().numpy(),
        "big": (x[:, 1] > 0).long().numpy(),
        "size": x.sum(dim=1).numpy(),
    }


@functools.cache
def data():
    return ArrayDataset(name="sums", source=arrays, tasks=TASKS, inputs="x")


def trial(**changes):
    optimizer = OwnOptimizer(Normalised, lr=0.05, settings={"beta": 0.8}, weight_decay=0.01, strategy_lr=0.02)
    base = TrialSpec(
        dataset=data(), model=MLP(widths=(6,)), strategy=Equal(), optimizer=optimizer, steps=40, batch_size=8,
        precision="float64",
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


@pytest.fixture(scope="module")
def run_of(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    data().prepare(root)
    loaded = data().load(root)
    return lambda *trials: Run.of(trials, PackData(trials, loaded, CPU), Computation(CPU))


def state(run):
    return {**run.networks.state(), **run.state.params}


def test_it_is_the_class_itself(run_of):
    ours, plain = run_of(trial()), run_of(trial())
    optimizer = Normalised(plain.networks.parameters.values(), lr=0.05, beta=0.8, weight_decay=0.01)
    for step in range(40):
        ours.advance()
        optimizer.zero_grad()
        plain.networks.losses(*plain._batch(step), step).values.sum().backward()
        optimizer.step()
    for name, parameter in plain.networks.parameters.items():
        assert torch.equal(ours.networks.parameters[name], parameter), name


@pytest.mark.parametrize("strategy", [Equal(), Uncertainty()], ids=lambda s: s.key)
@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)], ids=len)
def test_it_continues_bit_for_bit_at_any_step(seeds, strategy, run_of):
    trials = [trial(seed=seed, strategy=strategy) for seed in seeds]
    through, cut = run_of(*trials), run_of(*trials)
    for step in range(25):
        if step in (1, 7, 8, 19):
            saved = cut.checkpoints([one.trial_id for one in trials])
            cut = run_of(*trials)
            cut.restore(saved)
        through.advance()
        cut.advance()
    assert all(torch.equal(value, state(cut)[name]) for name, value in state(through).items())


@pytest.mark.parametrize("strategy", [Equal(), Uncertainty()], ids=lambda s: s.key)
def test_each_seed_of_a_pack_has_its_own(strategy, run_of):
    trials = [trial(seed=seed, strategy=strategy) for seed in (0, 1, 2)]
    pack, alone = run_of(*trials), [run_of(one) for one in trials]
    for _ in range(25):
        pack.advance()
        for run in alone:
            run.advance()
    for i, run in enumerate(alone):
        for name, value in state(run).items():
            torch.testing.assert_close(state(pack)[name][i : i + 1], value, rtol=1e-9, atol=1e-10, msg=name)


def test_class_and_settings_are_in_the_id_and_the_label():
    first = trial()
    other = OwnOptimizer(Bare, lr=0.05)
    changed = [dataclasses.replace(first.optimizer, settings={"beta": 0.7}), other, SGD(lr=0.05)]
    assert len({first.trial_id, *(trial(optimizer=optimizer).trial_id for optimizer in changed)}) == 4
    assert first.optimizer.label == "normalised(beta=0.8,strategy_lr=0.02,weight_decay=0.01)"
    assert other.label == "bare"
    assert '"class":"' in first.canonical
    assert "Normalised" in first.canonical


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("cls", "settings", "match"),
    [
        (Normalised, {"betta": 0.8}, r"take each of its `settings`. Found `betta`. Did you mean `beta`\?"),
        (Normalised, {"lr": 0.8}, "leave out `lr`"),
        (NeedsBeta, {}, "needs a value of `beta`"),
        (NoRate, {}, "take the learning rate as `lr`"),
        (dict, {}, "be a class that derives from torch.optim.Optimizer"),
        (torch.optim.LBFGS, {}, "without a closure"),
        (torch.optim.SparseAdam, {}, "dense gradients"),
        (CountsItself, {}, "a restart differed"),
        (InGroups, {}, "a restart differed"),
        (Random, {}, "a restart differed"),
        (Lists, {}, "`history` of type list"),
        (Replaces, {}, "in place"),
    ],
)
def test_what_cannot_be_trained_with_is_refused(cls, settings, match):
    with pytest.raises(SpecError, match=match):
        OwnOptimizer(cls, lr=0.1, settings=settings)


def test_a_decay_that_the_class_lacks_is_refused():
    with pytest.raises(SpecError, match="Bare has no argument `weight_decay`"):
        OwnOptimizer(Bare, lr=0.1, weight_decay=0.1)
