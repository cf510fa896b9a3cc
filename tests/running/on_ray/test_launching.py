"""The loop around Ray Tune, with Tune played by a stub: who is given up, what is launched again, when it ends."""

import contextlib
import io
from dataclasses import dataclass

import pytest
from rich.console import Console

import mtlray.running.on_ray.launching as launching
from mtlray.errors import LaunchError
from mtlray.running.on_ray.launching import OnRay
from mtlray.running.on_ray.pulse import Pulse
from mtlray.running.on_ray.starting import SlowStartError, check_address
from mtlray.running.policy import trouble_with_store
from mtlray.running.progress import Display
from mtlray.running.signals import Stop


@dataclass(frozen=True)
class Spec:
    trial_id: str
    steps: int = 1


class Stage:
    """A ledger of ids, and Tune as a list of what each launch does."""

    def __init__(self, monkeypatch, n):
        self.done, self.given_up, self.launches = set(), {}, []
        self.packs = [(Spec(f"t{i}"),) for i in range(n)]
        self.stop = Stop()
        self.starts, self.slow, self.lost = 0, 0, ""
        self.screen = io.StringIO()
        self.waited, self.while_waiting = [], lambda: None
        monkeypatch.setattr(launching, "_PAUSES", (10.0, 60.0))
        monkeypatch.setattr(launching._Tuning, "_wait", lambda tuning, seconds: self._wait(seconds))
        monkeypatch.setattr(launching, "running_ray", self._ray)
        monkeypatch.setattr(Pulse, "look", lambda pulse: self.lost)
        monkeypatch.setattr(launching, "trial_resources", lambda job, stop: {"CPU": 1.0})
        monkeypatch.setattr(launching, "slots", lambda resources: 4)
        monkeypatch.setattr(launching, "_check_pickles", lambda packs, job: None)
        monkeypatch.setattr(
            launching._Tuning, "_fit", lambda tuning, packs, workers: self._fit(packs, workers), raising=True
        )

    def give_up(self, pack, reason, job):
        assert job == f"launch {len(self.launches)}"  # the one that it ran in
        self.given_up[pack[0].trial_id] = reason

    def records(self, **_):
        return dict.fromkeys(self.done | self.given_up.keys()), []

    def ledger(self):
        return self

    @contextlib.contextmanager
    def _ray(self, *_):
        self.starts += 1
        if self.starts <= self.slow:
            raise SlowStartError("Could not start Ray on this machine: it timed out.")
        yield

    def _fit(self, packs, workers):
        self.launches.append((len(packs), workers))
        running, error, *postponed = self.act(packs, workers)
        return launching._Ended(f"launch {len(self.launches)}", running, *(postponed or [[]]), error)

    def _wait(self, seconds):
        self.waited.append(seconds)
        self.while_waiting()

    def output(self):
        return self.screen.getvalue()

    def run(self, workers=4):
        self.config = type(
            "Config", (), {"workers": workers, "device": "cpu", "results": "r", "pack_size": 1, "gpus_per_trial": 1.0}
        )
        self.job, self.display = self, Display([], Console(file=self.screen))
        return OnRay().run(self.packs, self)


@pytest.fixture
def stage(monkeypatch, unchecked):
    return lambda n: Stage(monkeypatch, n)


def killed(used, *by):
    """What Ray says where its memory monitor has killed workers."""
    chosen = " ".join(f"Selected to kill: (Actor(x): pid=1, actual memory used={gb}GB, worker ID=0)" for gb in by)
    return RuntimeError(
        f"Caught unexpected exception: {len(by)} worker(s) were killed due to the node running low on memory. Memory on the node "
        f"(IP: 127.0.0.1, ID: 0) was {used}GB used / 23.5GB limit (0.96) Considered workers: [{chosen}]"
    )


def test_only_the_trial_that_uses_up_the_memory_alone_is_given_up(stage):
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
            return running, killed(22.6, *[11.5] * len(running))
        play.done |= {pack[0].trial_id for pack in packs}
        return [], None

    play.act = act
    play.run()
    assert play.given_up == {
        "t3": "Ray's memory monitor killed a trial: of its node's 23.5 GB, 22.6 GB were in use, 11.5 GB by this trial. No other "
        "trial of this sweep ran"
    }
    assert play.done == {f"t{i}" for i in range(8)} - {"t3"}


@pytest.mark.parametrize(
    "error",
    [
        killed(22.6, 0.5),  # others use the rest
        killed(22.6, 11.5, 0.2),  # whose fault is it?
        RuntimeError("1 worker(s) were killed due to the node running low on memory, in words of another version"),
        RuntimeError("something within Tune"),
    ],
    ids=["others", "two", "unknown words", "something else"],
)
def test_no_trial_is_blamed_for_what_it_did_not_do(stage, error):
    """Tune ends again and again: it is tried again after longer and longer pauses, then the launch stops with trials left."""
    play = stage(3)
    play.act = lambda packs, workers: (list(packs[:workers]), error)
    play.run()
    assert not play.given_up
    assert play.launches == [(3, 4), (3, 1), (3, 1), (3, 1)]
    assert play.waited == [10.0, 60.0]
    assert "Stopped: Ray Tune ended 4 times and no trial was finished meanwhile. Last: " in play.output()
    assert "No trial counts as failed for it." in play.output()


def test_what_ends_tune_waits_for_the_others(stage):
    """t0 needs more memory than others leave it; t1 and t2 do not wait for that."""
    play = stage(3)

    def act(packs, workers):
        if packs[0][0].trial_id == "t0" or workers > 1:
            return [pack for pack in packs[:workers] if pack[0].trial_id == "t0"], killed(22.6, 9.0)
        play.done.add(packs[0][0].trial_id)
        return list(packs[1:2]), killed(22.6, 9.0)

    play.act = act
    play.run()
    assert play.done == {"t1", "t2"}
    assert not play.given_up


def test_a_request_to_stop_is_heard_during_a_pause(stage):
    play = stage(1)
    play.act = lambda packs, workers: (list(packs[:1]), killed(22.6, 0.5))
    play.while_waiting = play.stop.draining.set
    play.run()
    assert len(play.launches) == 2
    assert not play.given_up


def test_a_full_disk_under_tune_is_no_fault_of_a_trial(stage):
    play = stage(1)
    play.act = lambda packs, workers: (list(packs[:1]), OSError(28, "No space left on device"))
    play.run(workers=1)
    assert len(play.launches) == 1
    assert not play.given_up
    assert "Stopped: [Errno 28] No space left on device. Free space" in play.output()


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


def test_what_runs_out_of_memory_runs_again_beside_fewer(stage):
    """t0 and t1 need the memory of all; each launch halves the trials at once, down to one."""
    play = stage(6)

    def act(packs, workers):
        large = [pack for pack in packs if workers > 1 and pack[0].trial_id in ("t0", "t1")]
        play.done |= {pack[0].trial_id for pack in packs if pack not in large}
        return [], None, large

    play.act = act
    play.run()
    assert play.launches == [(6, 4), (2, 2), (2, 1)]
    assert len(play.done) == 6
    assert not play.given_up


def test_nothing_is_launched_again_after_a_request_to_stop(stage):
    play = stage(3)

    def act(packs, workers):
        play.stop.draining.set()
        return list(packs[:1]), RuntimeError("gone")

    play.act = act
    play.run()
    assert len(play.launches) == 1
    assert not play.given_up


def test_what_a_lost_ray_does_to_trials_is_no_fault_of_theirs(stage):
    """Tune ends with an error while one trial runs alone, and before any ran; neither is given up, and neither is an error."""
    for running in (1, 0):
        play = stage(1)

        def act(packs, workers, play=play, running=running):
            play.lost = "its raylet has ended"
            return list(packs[:running]), RuntimeError("gone")

        play.act = act
        play.run(workers=1)
        assert len(play.launches) == 1
        assert not play.given_up


def test_a_ray_that_starts_too_slowly_is_tried_once_more(stage):
    play = stage(1)
    play.slow = 1

    def act(packs, workers):
        play.done.add("t0")
        return [], None

    play.act = act
    play.run()
    assert (play.starts, play.done) == (2, {"t0"})
    play = stage(1)
    play.slow = 2
    with pytest.raises(LaunchError, match="timed out"):
        play.run()
    assert play.starts == 2
    assert not play.launches


def test_a_full_disk_is_recognised():
    assert trouble_with_store(OSError(28, "No space left on device"))
    assert not trouble_with_store(OSError(5, "Input/output error"))


def test_nobody_at_an_address():
    with pytest.raises(LaunchError, match="Nobody answers"):
        check_address("127.0.0.1:9")
    check_address("ray://somewhere")


@pytest.mark.parametrize(
    ("running", "cluster", "named", "refused"),
    [
        ({"1.2.3.4:5", "1.2.3.4:6"}, None, "", True),
        ({"1.2.3.4:5", "1.2.3.4:6"}, "1.2.3.4:6", "", False),
        ({"1.2.3.4:5", "1.2.3.4:6"}, None, "1.2.3.4:6", False),
        ({"1.2.3.4:5"}, None, "", False),
        (set(), None, "", False),  # Ray says so itself
    ],
)
def test_auto_is_not_any_of_several_rays(monkeypatch, running, cluster, named, refused):
    monkeypatch.setattr("ray._private.services.find_gcs_addresses", lambda: running)
    monkeypatch.setattr("ray._private.services.find_bootstrap_address", lambda folder: cluster)
    monkeypatch.setenv("RAY_ADDRESS", named)
    if not refused:
        check_address("auto")
        return
    with pytest.raises(LaunchError) as caught:
        check_address("auto")
    assert str(caught.value) == (
        "Option --address auto should find one Ray cluster on this machine. Found 2, none of which was started by `ray start`: "
        "1.2.3.4:5, 1.2.3.4:6. Name the one that you mean, or leave --address out."
    )
