"""Running packs one after the other in this process, without Ray; the same results."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import FrameType
from typing import NoReturn

import torch

from mtlray.errors import LaunchError, SpecError
from mtlray.planning.text import Workers
from mtlray.running.calibration import ON_CPU, calibrate, largest_packs, repacked
from mtlray.running.job import Job
from mtlray.running.pack import run_pack
from mtlray.running.policy import HungError, trouble_with_store
from mtlray.running.scratch import without_leftovers
from mtlray.running.session import Pack, Runner, Session
from mtlray.running.surroundings import device_of
from mtlray.specs import RunConfig


@dataclass(frozen=True, slots=True)
class InProcess(Runner):
    """Runs packs one after the other in this process."""

    def workers(self, config: RunConfig) -> Workers:
        if config.gpus_per_trial != 1:
            raise SpecError(
                "Option --gpus-per-trial lets parallel trials share a GPU, but --in-process runs them one after the other. "
                f"Found both, with {config.gpus_per_trial} GPUs per trial. Leave one of them out."
            )
        return Workers(1, on_gpus=device_of(config).type == "cuda")

    def check(self) -> None:
        pass

    def run(self, packs: Sequence[Pack], session: Session) -> None:
        job = replace(session.job, alone=True)
        if job.config.device == "cuda" and not torch.cuda.is_available():
            raise LaunchError("Option --device asks for cuda. PyTorch finds no GPU here. Choose --device cpu or auto.")
        with session.stop.while_trials_run(elsewhere=False), without_leftovers():
            if job.config.pack_size == "auto":
                packs = _measured(packs, job, session)
            for pack in packs:
                if session.stop.asked:
                    return
                session.started(pack)
                _run(pack, job, session)
                session.left(pack)


def _measured(packs: Sequence[Pack], job: Job, session: Session) -> Sequence[Pack]:
    """The same trials in packs of the sizes that are fastest here."""
    say = session.display.note
    if device_of(job.config).type == "cpu":
        say(ON_CPU)
        return packs
    trials = [trial for pack in packs for trial in pack]
    largest = largest_packs(trials)
    found = calibrate(list(largest.values()), job, stopped=lambda: session.stop.asked)
    return repacked(trials, largest, found, say)


def _run(pack: Pack, job: Job, session: Session) -> None:
    """One pack to its end; `run_pack` raises only temporary errors and counts how often."""
    retries = job.policy.retries
    for start in range(retries + 2):
        try:
            with _watchdog(job.policy.hang_seconds) as alive:

                def progress(step: int) -> bool:
                    alive()  # called within this turn of the loop only
                    session.step(pack, step)
                    return session.stop.asked

                session.ended(pack, run_pack(pack, job, progress))
            return
        except Exception as error:
            if trouble := trouble_with_store(error):
                session.display.note(f"Stopped: {trouble}")
                session.stop.now.set()
                return
            if start > retries:
                session.give_up(pack, repr(error), job)
            if session.stop.asked:
                return
            time.sleep(min(start, 5))


@contextlib.contextmanager
def _watchdog(seconds: float) -> "Iterator[_Alive]":
    """Raise HungError in the main thread if `alive` is not called for so many seconds; 0 turns that off."""
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield _Alive(0.0)
        return

    def on_alarm(number: int, frame: FrameType | None) -> NoReturn:
        raise HungError(f"no progress for {seconds:g} s (--hang-seconds)")

    before = signal.signal(signal.SIGALRM, on_alarm)
    alive = _Alive(seconds)
    alive()
    try:
        yield alive
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Alive:
    """Restart the watchdog's time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self) -> None:
        if self._seconds:
            signal.setitimer(signal.ITIMER_REAL, self._seconds)
