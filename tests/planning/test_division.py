"""Division of a grid: each trial is in one part, the same whatever else the grid holds, and packs stay together."""

import dataclasses
from collections import Counter

import pytest

from mtlray.data import MultiMNIST
from mtlray.models import LeNet
from mtlray.planning.division import in_part
from mtlray.results.part import WHOLE, Part
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import DWA, Equal

BASE = TrialSpec(
    dataset=MultiMNIST(), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=100, evaluate_every=10
)
GRID = [
    dataclasses.replace(BASE, strategy=strategy, fraction=fraction, seed=seed)
    for strategy in (Equal(), DWA(), DWA(temperature=3.0))
    for fraction in (0.25, 1.0)
    for seed in range(20)
]


@pytest.mark.parametrize("by_cell", [False, True])
@pytest.mark.parametrize("of", [1, 2, 3, 20])
def test_each_trial_is_in_one_part(of, by_cell):
    found = [in_part(GRID, Part(index, of, by_cell)) for index in range(1, of + 1)]
    assert Counter(trial for part in found for trial in part) == Counter(GRID)


def test_the_whole_is_one_part():
    assert in_part(GRID, WHOLE) == tuple(GRID)


@pytest.mark.parametrize("by_cell", [False, True])
def test_a_trial_stays_in_its_part_in_another_grid(by_cell):
    part = Part(2, 3, by_cell)
    assert in_part(GRID[::2], part) == tuple(trial for trial in in_part(GRID, part) if trial in GRID[::2])


def test_parts_are_about_as_large_as_each_other():
    sizes = [len(in_part(GRID, Part(index, 4))) for index in range(1, 5)]
    assert min(sizes) > 20, "30 each on average"


def test_the_division_never_changes():
    """A job that is queued for a week has the part that its number meant when it was submitted."""
    assert [len(in_part(GRID, Part(index, 4))) for index in range(1, 5)] == [35, 29, 29, 27]
    assert [len(in_part(GRID, Part(index, 3, by_cell=True))) for index in range(1, 4)] == [40, 20, 60]


def test_the_seeds_of_a_cell_stay_together_where_they_share_packs():
    cells = Counter(
        (trial.canonical_but_seed, index)
        for index in range(1, 4)
        for trial in in_part(GRID, Part(index, 3, by_cell=True))
    )
    assert set(cells.values()) == {20}
    alone = [dataclasses.replace(trial, patience=3) for trial in GRID]
    cells = Counter(
        (trial.canonical_but_seed, index)
        for index in range(1, 4)
        for trial in in_part(alone, Part(index, 3, by_cell=True))
    )
    assert max(cells.values()) < 20, "trials that share no pack are divided one by one"
