"""The loop around Ray Tune, with Tune played by a stub: who is given up, what is launched again, when it ends."""

import contextlib
import io
from dataclasses import dataclass

import pytest
from rich.console import Console

import mtlray.launching as launching
from mtlray.errors import LaunchError
from mtlray.launching import run_on_ray
from mtlray.progress import Display


@dataclass(frozen=True)
class Spec:
    trial_id: str
    steps: int = 1


class Stage:
    """A ledger of ids, and Tune as a list of what each launch does."""

    def __init__(self, monkeypatch, n):
        self.done, self.given_up, self.launches = set(), {}, []
        self.packs = [(Spec(f"t{i}"),) for i in range(n)]
        monkeypatch.setattr(launching, "_ray", lambda job, address: contextlib.nullcontext())
        monkeypatch.setattr(launching, "_stopping", lambda stop: contextlib.nullcontext())
        monkeypatch.setattr(launching, "_resources", lambda job: {"CPU": 1.0})
        monkeypatch.setattr(launching, "_check_pickles", lambda packs, job: None)
        monkeypatch.setattr(launching, "_give_up", self._give_up)
        monkeypatch.setattr(launching, "_fit", self._fit)

    def _give_up(self, pack, job, display, reason):
        self.given_up[pack[0].trial_id] = reason

    def records(self):
        return dict.fromkeys(self.done | self.given_up.keys()), []

    def ledger(self):
        return self

    def _fit(self, packs, job, display, resources, stop, *, workers):
        self.launches.append((len(packs), workers))
        return self.act(packs, workers)

    def run(self):
        self.config = type("Config", (), {"workers": 4, "device": "cpu", "results": "r"})
        display = Display([], Console(file=io.StringIO()))
        return run_on_ray(self.packs, self, display, address=None, modules=[])


@pytest.fixture
def stage(monkeypatch, unchecked):
    return lambda n: Stage(monkeypatch, n)


def test_only_the_trial_that_ends_tune_alone_is_given_up(stage):
    play = stage(8)

    def act(packs, workers):
        """t3 kills Tune whenever it runs; everything else ends well, if it runs before."""
        running = packs[:workers]
        for pack in packs[: 1 if workers == 1 else 0]:
            if pack[0].trial_id != "t3":
                play.done.add(pack[0].trial_id)
                running = packs[1:2]
        if any(pack[0].trial_id == "t3" for pack in packs):
            if workers == 1 and packs[0][0].trial_id == "t3":
                running = packs[:1]
            return running, RuntimeError("killed by the memory monitor")
        play.done |= {pack[0].trial_id for pack in packs}
        return [], None

    play.act = act
    assert play.run() is False
    assert set(play.given_up) == {"t3"}
    assert play.done == {f"t{i}" for i in range(8)} - {"t3"}


def test_launches_go_on_while_each_makes_progress(stage):
    play = stage(9)

    def act(packs, workers):
        play.done.add(packs[0][0].trial_id)
        return list(packs[1:3]), RuntimeError("again") if len(packs) > 1 else None

    play.act = act
    play.run()
    assert len(play.done) == 9
    assert not play.given_up


def test_a_launch_that_never_starts_a_trial_ends_with_an_error(stage):
    play = stage(2)
    play.act = lambda packs, workers: ([], RuntimeError("no such thing"))
    with pytest.raises(LaunchError, match="before any trial ran: no such thing"):
        play.run()
    assert len(play.launches) == 1


def test_a_full_disk_is_recognised():
    assert launching._store_is_full("[Errno 28] No space left on device")
    assert not launching._store_is_full("[Errno 5] Input/output error")


def test_nobody_at_an_address():
    with pytest.raises(LaunchError, match="Nobody answers"):
        launching.check_address("127.0.0.1:9")
    launching.check_address("auto")
