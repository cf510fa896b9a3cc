"""The order of the data: a function of the seed and the number of the batch, and of nothing else."""

import dataclasses

import torch

from mtlray.data import MultiMNIST, subset
from mtlray.models import LeNet
from mtlray.specs import SGD, Adam, TrialSpec
from mtlray.strategies import DWA, Equal
from mtlray.training.sampling import Sampler

TRIAL = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=200),
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.05),
    fraction=0.05,
    steps=20,
    batch_size=32,
)


def trial(**fields):
    return dataclasses.replace(TRIAL, **fields)


def test_an_epoch_is_a_permutation_of_the_subset_with_its_last_smaller_batch():
    spec = trial(seed=4)
    sampler = Sampler(spec, 3_800)
    for epoch in range(2):
        batches = [sampler.batch(epoch * 6 + i) for i in range(6)]
        assert [len(b) for b in batches] == [32, 32, 32, 32, 32, 30]
        assert sorted(torch.cat(batches).tolist()) == sorted(subset(3_800, 0.05, 4).tolist())
    assert sampler.batch(0).tolist() != sampler.batch(6).tolist()


def test_any_batch_can_be_asked_for_at_any_time():
    spec = trial(seed=4)
    forward = [Sampler(spec, 3_800).batch(n).tolist() for n in range(13)]
    jumping = Sampler(spec, 3_800)
    assert [jumping.batch(n).tolist() for n in (12, 0, 7)] == [forward[12], forward[0], forward[7]]


def test_order_and_subset_do_not_depend_on_the_strategy_or_the_rate():
    orders = [
        Sampler(trial(**f), 3_800).batch(3).tolist() for f in ({}, {"strategy": DWA()}, {"optimizer": Adam(lr=1.0)})
    ]
    assert orders[0] == orders[1] == orders[2]
    assert Sampler(trial(seed=1), 3_800).batch(3).tolist() != orders[0]
