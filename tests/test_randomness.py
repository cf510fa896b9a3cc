"""Random streams: the same on every machine and in every version, and independent of each other."""

import random

import numpy as np
import torch

from mtlray.randomness import generator, numpy_generator, stream_seed


def test_seeds_are_the_known_ones():
    assert stream_seed(0, "init") == 3180086022082636393
    assert stream_seed(3, "order", 7) == 5147584066744105765
    assert generator(0, "order").initial_seed() == 7141680585740654274


def test_draws_are_the_known_ones():
    assert torch.randperm(8, generator=generator(0, "order")).tolist() == [1, 3, 5, 6, 4, 7, 0, 2]
    assert torch.rand(2, generator=generator(0, "init")).tolist() == [0.039060235023498535, 0.03034883737564087]
    assert numpy_generator(0, "subset").permutation(8).tolist() == [2, 3, 0, 5, 4, 1, 6, 7]


def test_seed_purpose_and_step_each_name_another_stream():
    names = [(seed, purpose, step) for seed in (0, 1, 11) for purpose in ("init", "order") for step in (0, 1, 11)]
    assert len({stream_seed(*name) for name in names}) == len(names)
    assert all(0 <= stream_seed(*name) < 2**63 for name in names)


def test_global_generators_are_left_alone():
    states = torch.get_rng_state(), str(np.random.get_state()), random.getstate()
    torch.rand(3, generator=generator(0, "order"))
    numpy_generator(0, "subset").random(3)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert str(np.random.get_state()) == states[1]
