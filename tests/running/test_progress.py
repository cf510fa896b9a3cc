"""What a person is told while a sweep runs: the time left, at the speed since the first report."""

import io
from dataclasses import replace

import pytest
from places import SMALL
from rich.console import Console

from mtlray.results.states import Ending, TrialState
from mtlray.running import progress
from mtlray.running.progress import Display
from mtlray.specs.sweepfile import load_sweep


class Clock:
    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def trials():
    spec, _ = load_sweep(SMALL)
    return [replace(trial, steps=1000) for trial in spec.trials()[:4]]


def shown(trials, clock, reports, started=()):
    """The lines after reports of (time, trial, step); a step of 1000 ends its trial."""
    text = io.StringIO()
    clock.now = 0.0
    with Display(trials, Console(file=text, width=200), started) as display:
        for at, trial, step in reports:
            clock.now = at
            if step in ("diverged", 1000):
                display.ended(trials[trial], Ending(TrialState.DONE if step == 1000 else TrialState.DIVERGED))
            else:
                display.step(trials[trial], step)
    return text.getvalue().splitlines()


def test_the_start_of_workers_is_no_part_of_the_speed(clock, trials):
    # A minute until the first report; then 10 of the 4,000 steps a second, so that after 40 more seconds 3,500 are left.
    lines = shown(trials, clock, [(60, 0, 100), (100, 0, 500)])
    assert lines == ["  2 %  0/4 trials", " 12 %  0/4 trials  about 6 min left"]  # 3500 / 10 s = 350 s


def test_no_speed_before_five_seconds(clock, trials):
    lines = shown(trials, clock, [(1, 0, 100), (2, 0, 900), (6, 1, 400)])
    assert lines == [" 22 %  0/4 trials", " 32 %  0/4 trials  about 11 s left"]  # 2700 left, 1200 made in 5 s


def test_steps_of_an_earlier_launch_are_not_of_this_one(clock, trials):
    reports = [(10, 0, 350), (20, 1, 400)]
    # A trial that began here made all its steps here, though its first report came at 400 of them.
    assert shown(trials, clock, reports)[-1] == " 19 %  0/4 trials  about 81 s left"  # 3250 left, 400 made in 10 s
    # Of one that goes on from a checkpoint nobody knows how many it made before: no speed is told.
    started = {trials[0].trial_id, trials[1].trial_id}
    assert shown(trials, clock, reports, started)[-1] == " 19 %  0/4 trials"
    lines = shown(trials, clock, [*reports, (30, 1, 450)], started)
    assert lines[-1] == " 20 %  0/4 trials  about 21 min left"  # 3200 left, 50 made in 20 s


@pytest.mark.parametrize("before", [[], [(30, 1, 50)]], ids=["at once", "on its way"])
def test_steps_that_a_diverged_trial_leaves_out_were_not_made(clock, trials, before):
    reports = [(10, 0, 100), *before, (30, 1, "diverged"), (30, 0, 200)]
    # 2,800 are left; 100 were made in 20 s, or 150 with those of the other trial before it diverged.
    minutes = 6 if before else 9
    assert shown(trials, clock, reports)[-1] == f" 30 %  1/4 trials, 1 diverged  about {minutes} min left"
    if not before:  # nor by a trial that was to go on from a checkpoint and did not come so far
        resumable = {trials[1].trial_id}
        assert shown(trials, clock, reports, resumable)[-1].endswith(f"about {minutes} min left")


def test_the_last_line_promises_nothing(clock, trials):
    lines = shown(trials, clock, [(10 * i, i, 1000) for i in range(4)])
    assert lines[-2:] == [" 75 %  3/4 trials  about 10 s left", "100 %  4/4 trials"]
