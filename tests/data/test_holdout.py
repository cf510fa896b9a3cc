"""Held-out examples: exactly as many as asked for, by whole groups."""

import numpy as np
import pytest

from mtlray.data.holdout import held_out
from mtlray.errors import DataError


def test_groups_are_taken_whole():
    groups = np.repeat(np.arange(30), np.arange(30) % 4 + 1)
    for wanted in (0, 1, 10, 33):
        chosen = held_out(len(groups), wanted, groups, 0, "test")
        assert chosen.sum() == wanted
        assert not set(groups[chosen]) & set(groups[~chosen])


def test_without_groups_one_run_which_may_go_round():
    for seed in range(20):
        chosen = held_out(10, 4, None, seed, "test")
        assert chosen.sum() == 4
        assert (np.diff(np.r_[chosen, chosen[0]].astype(int)) == 1).sum() == 1
    assert not held_out(10, 0, None, 0, "test").any()


def test_other_seeds_hold_out_others():
    groups = np.arange(100) // 2
    assert not np.array_equal(held_out(100, 20, groups, 0, "test"), held_out(100, 20, groups, 1, "test"))


def test_groups_that_do_not_fit():
    with pytest.raises(DataError, match=r"3 of 10 examples should be held out by whole groups\. Found groups for 2"):
        held_out(10, 3, np.arange(10) // 2, 0, "test")
