"""What a network of one's own may not do: each would train, and give other numbers than it seems to."""

import dataclasses
import functools

import numpy as np
import pytest
import torch
from torch import nn

from mtlray import MGDA, MLP, SGD, ArrayDataset, Equal, Network, SpecError, TrialSpec, regression
from mtlray.models import Computation, Networks

TASKS = (regression("one"), regression("two"))


def arrays():
    x = np.random.default_rng(0).normal(size=(60, 3))
    return {"x": x, "one": x.sum(axis=1), "two": x[:, 0]}


DATA = ArrayDataset(name="sums", source=arrays, tasks=TASKS)


class Trunk(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.layer = nn.Linear(*shape, 4)

    def forward(self, x):
        return self.layer(x)


class Detached(Trunk):
    def forward(self, x):
        return self.layer(x).detach()


class InPlace(Trunk):
    def forward(self, x):
        return self.layer(x.mul_(2))


class PartlyFrozen(Trunk):
    def __init__(self, shape):
        super().__init__(shape)
        self.layer.bias.requires_grad_(False)


def frozen(shape):
    return nn.Linear(*shape, 4).requires_grad_(False)


def nothing(shape):
    return nn.Identity()


def normal(shape):
    return nn.Sequential(nn.Linear(*shape, 4), nn.BatchNorm1d(4))


def in_place_head(shape, task):
    return nn.Sequential(nn.ReLU(inplace=True), nn.Linear(*shape, 1))


ONE_FOR_ALL = nn.Linear(4, 1)


def shared_head(shape, task):
    return ONE_FOR_ALL


class NotFrozen:
    def __call__(self, shape):
        return nn.Linear(*shape, 4)


def trial(model, **settings):
    base = TrialSpec(dataset=DATA, model=model, strategy=Equal(), optimizer=SGD(lr=0.1), steps=9, batch_size=8)
    return dataclasses.replace(base, **settings)


@pytest.mark.parametrize(
    ("model", "match"),
    [
        (Network(trunk=Detached), "No gradient of what it makes reaches its parameters"),
        (Network(trunk=InPlace), "should leave its inputs as they are"),
        (Network(trunk=frozen), "should have parameters that are trained"),
        (Network(trunk=nothing), "should have parameters that are trained"),
        (Network(trunk=Trunk, head=in_place_head), "head of one .* should leave the representation as it is"),
        (Network(trunk=Trunk, head=shared_head), "Found one in the head of one and in the head of two"),
    ],
)
def test_a_network_that_would_give_other_numbers_is_refused(model, match):
    with pytest.raises(SpecError, match=match):
        trial(model).check()


def test_frozen_layers_are_no_part_of_what_a_strategy_looks_at():
    checked = trial(Network(trunk=PartlyFrozen), strategy=MGDA())
    checked.check()
    networks = Networks(checked.model, (3,), TASKS, [0], Computation(torch.device("cpu")))
    assert [tuple(p.shape) for p in networks.shared] == [(4, 3)]


@pytest.mark.parametrize(("size", "refused"), [(41, True), (1, True), (40, False), (42, False)])
def test_batch_normalisation_has_more_than_one_example(size, refused):
    assert trial(MLP()).n_train == 42
    checked = trial(Network(trunk=normal), batch_size=size)
    if refused:
        with pytest.raises(SpecError, match=r"should take a batch of one example. .* Choose a `batch_size`"):
            checked.check()
    else:
        checked.check()
    trial(MLP(), batch_size=size).check()
    trial(Network(trunk=normal), batch_size=41, steps=1).check()  # ends before the last batch


@pytest.mark.parametrize("factory", [functools.partial(Trunk), NotFrozen(), functools.lru_cache(Trunk)])
def test_a_factory_that_hides_its_settings_is_refused(factory):
    with pytest.raises(SpecError, match="should be a function, a class, or a frozen dataclass"):
        Network(trunk=factory)
