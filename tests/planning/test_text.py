"""The line of a plan that says how long it takes, for workers on CPUs, on GPUs and on a cluster that is not joined yet."""

import dataclasses

import pytest
from places import SMALL

from mtlray.planning.plan import plan
from mtlray.planning.text import Workers, plan_text
from mtlray.specs.sweepfile import load_sweep


@pytest.mark.parametrize(
    ("workers", "measured", "expected"),
    [
        (
            Workers(2),
            False,
            "about 65 s with 2 workers, guessed for one CPU core per worker",
        ),  # 100 s / 2 and 15 s for Ray
        (Workers(1), True, "about 2 min with 1 worker, measured on this sweep's finished trials"),
        (
            Workers(4, on_gpus=True),
            False,
            "about 40 s with 4 workers, on GPUs, guessed for a CPU core instead of a GPU",
        ),
        (
            Workers(4, on_gpus=True),
            True,
            "about 40 s with 4 workers, on GPUs, measured on this sweep's finished trials",
        ),
        (
            Workers(None),
            False,
            "about 2 min for one worker, guessed for one CPU core per worker; the cluster decides how many run",
        ),
        (
            Workers(1000),
            True,
            "about 29 s with 1,000 workers, measured on this sweep's finished trials",
        ),  # 100 s / 7 trials
    ],
)
def test_the_time_of_a_plan(workers, measured, expected):
    spec, _ = load_sweep(SMALL)
    trials = spec.trials()[:7]
    planned = dataclasses.replace(plan(trials, {}), device_seconds=100.0, measured=measured)
    text = plan_text(spec, trials, planned, workers, "/results/small")
    assert f"\n  time        {expected}\n" in text
