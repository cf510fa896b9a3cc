"""What the tests of analysis share: fabricated results folders."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fabricated import (
    LEVELS,
    STRATEGIES,
    TASKS,
    Sweep,
    fill_with_curves,
    varied_sweep,
)


@pytest.fixture
def make_sweep(tmp_path: Path) -> Callable[..., Sweep]:
    """Build an empty sweep: `make_sweep(name="quickstart", **description)`."""

    def make(name: str = "quickstart", **description: Any) -> Sweep:
        sweep = Sweep(tmp_path / "results", name, **description)
        sweep.ledger.write_sweep(sweep.description)
        return sweep

    return make


@pytest.fixture
def fill() -> Callable[[Sweep], dict[tuple[str, float, int], dict[str, Any]]]:
    """Plan and finish all STRATEGIES x (1, 0.25) x 3 seeds; returns the trials by strategy, fraction and seed."""

    def fill(sweep: Sweep) -> dict[tuple[str, float, int], dict[str, Any]]:
        trials = {}
        for strategy, tasks in STRATEGIES.items():
            for fraction in (1.0, 0.25):
                for seed in range(3):
                    trial = sweep.plan(strategy, tasks, fraction=fraction, seed=seed)
                    lost = 0.0 if fraction == 1 else 1.5
                    levels = dict(zip(TASKS, LEVELS[strategy], strict=True))
                    sweep.finish(trial, {task: levels[task] - lost + 0.2 * seed for task in tasks})
                    trials[strategy, fraction, seed] = trial
        return trials

    return fill


@pytest.fixture
def complete(make_sweep, fill) -> Sweep:
    """All 36 trials done."""
    sweep = make_sweep()
    fill(sweep)
    return sweep


@pytest.fixture
def broken(make_sweep, fill) -> Sweep:
    """The same grid with trials missing, diverged, failed, not finite and damaged, and one from elsewhere."""
    sweep = make_sweep()
    trials = fill(sweep)
    for seed in range(3):
        sweep.finish(trials["uncertainty", 0.25, seed], {"left": None, "right": None}, state="diverged")
    sweep.finish(trials["dwa", 0.25, 1], {"left": 12.0, "right": 12.0}, state="diverged")
    sweep.finish(trials["dwa", 0.25, 2], {"left": None, "right": None}, state="failed", error="out of memory")
    sweep.finish(trials["equal", 1.0, 2], {"left": float("nan"), "right": 96.9})
    sweep.cut_short(trials["revised_uncertainty", 0.25, 0])
    sweep.ledger.forget([trials["stl:left", 1.0, 2]["trial_id"]])
    sweep.finish(trials["equal", 1.0, 0] | {"trial_id": "e" * 16}, {"left": 50.0, "right": 50.0})
    return sweep


@pytest.fixture(scope="session")
def build_with_curves() -> Callable[..., Sweep]:
    """A sweep with curves below a folder: `build_with_curves(tmp_path, {strategy: tasks}, fractions=(1.0, 0.25), n_seeds=3)`.

    At evaluation e of 8 (step 100·e), seed s, strategy i: accuracy is 90 + i + s + 0.5·e − 2·[fraction < 1], one less on
    the task right; each task's weight is 2^(i·e/8), the gradient norm 1 + s.
    """

    def build(
        results: Path,
        strategies: dict[str, tuple[str, ...]] | None = None,
        *,
        fractions: tuple[float, ...] = (1.0, 0.25),
        n_seeds: int = 3,
        name: str = "curves",
    ) -> Sweep:
        return fill_with_curves(Sweep(results, name), strategies or STRATEGIES, fractions, n_seeds)

    return build


@pytest.fixture
def with_curves(tmp_path: Path, build_with_curves: Callable[..., Sweep]) -> Callable[..., Sweep]:
    """`build_with_curves` in this test's own folder."""
    return functools.partial(build_with_curves, tmp_path / "results")


@pytest.fixture
def varied(tmp_path) -> Sweep:
    """See `varied_sweep`."""
    return varied_sweep(tmp_path / "results")
