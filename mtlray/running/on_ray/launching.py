"""Running packs over Ray Tune, which executes and never decides what is done."""

import contextlib
import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from mtlray.errors import LaunchError
from mtlray.planning.text import Workers
from mtlray.running.giving_up import note_hang
from mtlray.running.job import Job
from mtlray.running.on_ray.alone import alone
from mtlray.running.on_ray.aside import aside
from mtlray.running.on_ray.preflight import RemoteData, inspect_cluster, judge
from mtlray.running.on_ray.pulse import Pulse
from mtlray.running.on_ray.resources import measured, slots, trial_resources, workers_here
from mtlray.running.on_ray.shortage import Shortage
from mtlray.running.on_ray.starting import ENVIRONMENT, SlowStartError, a_home, check_address, joined, running_ray
from mtlray.running.policy import trouble_with_store
from mtlray.running.scratch import scratch
from mtlray.running.session import Pack, Runner, Session
from mtlray.specs import RunConfig

Packs = Sequence[Pack]

# Seconds until trials are tried again, one by one, after Tune ended without a finished one; a first result starts them anew.
_PAUSES = (10.0, 60.0, 300.0, 600.0)
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class OnRay(Runner):
    """Runs all packs as one grid search of Ray Tune, with actors reused.

    `address` is a running cluster's; None starts a Ray on this machine. `modules` were loaded from sweep files; workers load
    them and all that they import from the bytes that were read here.
    """

    address: str | None = None
    modules: Sequence[ModuleType] = ()

    def workers(self, config: RunConfig) -> Workers:
        here = workers_here(config.device, config.gpus_per_trial, config.workers)
        return here if self.address is None else Workers(config.workers, here.on_gpus)

    def check(self) -> None:
        if self.address is not None:
            check_address(self.address)

    def run(self, packs: Packs, session: Session) -> None:
        """Raises LaunchError where Ray does not start or the cluster cannot be reached, cannot run a trial, or has a node with
        other versions or without a way to the results. A Ray that is lost on the way ends it with trials left."""
        os.environ.update(ENVIRONMENT)
        own, say = self.address is None, session.display.note
        with (
            session.stop.while_trials_run(elsewhere=True),
            scratch() as folder,
            a_home(folder),
            alone(self.address, folder),
        ):
            for last in (False, True):
                pulse = Pulse(own=own)
                try:
                    work = partial(self._talk, packs, session, folder, pulse)
                    return aside(work, session.stop, pulse, say, own=own)
                except SlowStartError as error:
                    if last or session.stop.asked:
                        raise
                    say(f"{error} Trying once more.")

    def _talk(self, packs: Packs, session: Session, folder: Path, pulse: Pulse) -> None:
        """All that is said to Ray, from its start to its end. Raises LaunchError."""
        job, stop = session.job, session.stop
        with running_ray(job, self.address, self.modules, folder, pulse):
            if self.address is not None:
                session.display.note(joined())
            resources = trial_resources(job, stop)
            _check_pickles(packs, job)
            if self.address is not None:
                judge(inspect_cluster(job.config.results, job.sweep, _remote_data(packs, job)))
            packs, resources = measured(packs, session, resources)
            # A cluster may grow.
            workers = job.config.workers or (slots(resources) if self.address is None else None)
            _Tuning(session, resources, folder, pulse).until_all_have_ended(packs, workers)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How one Tune experiment ended."""

    job: Job
    """What its trials were started with."""
    running: list[Pack]
    """The packs that were running when an exception ended it."""
    postponed: list[Pack]
    """The packs that ran out of memory beside others."""
    error: Exception | None = None

    @property
    def reason(self) -> str:
        """Why it ended, in words."""
        return str(Shortage.of(self.error) or " ".join(str(self.error).split())[:300]).rstrip(".")


class _Tuning:
    """One Tune experiment after the other, each with what the previous one left."""

    def __init__(self, session: Session, resources: dict[str, float], folder: Path, pulse: Pulse) -> None:
        self._session, self._resources, self._folder, self._pulse = session, resources, folder, pulse
        self._pauses = iter(_PAUSES)
        self._suspected = Counter[Pack]()

    def until_all_have_ended(self, packs: Packs, workers: int | None) -> None:
        """Or until a request to stop, or until Ray is lost, or ends Tune again and again. Raises LaunchError."""
        job, display, stop = self._session.job, self._session.display, self._session.stop
        left = _left(packs, job)
        alone = False
        while left and not stop.asked:
            ended = self._fit(left, workers=1 if alone else workers)
            before, left = len(left), _left(packs, job)
            if ended.error is None:
                if not ended.postponed or stop.asked:
                    break
                workers = max(1, (workers or slots(self._resources)) // 2)
                display.note(f"{len(ended.postponed)} trials ran out of memory. They run again, {workers} at once.")
                continue
            if self._pulse.look():
                break  # no fault of any trial
            if trouble := trouble_with_store(ended.error):  # the disk of Ray's own files may be full
                display.note(f"Stopped: {trouble}")
                break
            if len(left) < before:
                display.note(f"Ray Tune stopped: {ended.reason}. Starting the remaining trials again.")
                self._pauses, alone = iter(_PAUSES), False
            elif not ended.running:
                raise LaunchError(
                    f"Ray Tune stopped before any trial ran: {ended.reason}. `--in-process` runs without Ray."
                )
            elif not alone:
                display.note(f"Ray Tune stopped: {ended.reason}. Trials run one by one until one has finished.")
                # One trial that Ray's memory monitor kills takes its neighbours along; alone, it shows itself.
                alone = True
            elif self._is_to_blame(ended):
                self._pauses, alone, left = iter(_PAUSES), False, _left(packs, job)
            elif not self._waited(ended):
                break
            self._suspected.update(ended.running)
            left.sort(key=self._suspected.__getitem__)  # what may be at fault waits for the others

    def _is_to_blame(self, ended: _Ended) -> bool:
        """Whether the one trial that ran used up the memory, and is now given up. Raises LaunchError.

        Without that proof none is: other programs may have used it, and Tune may end for reasons of its own.
        """
        shortage = Shortage.of(ended.error)
        if len(ended.running) != 1 or shortage is None or not shortage.is_of_one_trial:
            return False
        self._session.give_up(ended.running[0], f"{shortage}. No other trial of this sweep ran", ended.job)
        return True

    def _waited(self, ended: _Ended) -> bool:
        """Whether it is worth another try, now that some time has passed: others may have freed the memory."""
        display = self._session.display
        pause = next(self._pauses, None)
        if pause is None:
            when = "when other programs have freed memory" if Shortage.of(ended.error) else "to continue"
            display.note(
                f"Stopped: Ray Tune ended {len(_PAUSES) + 2} times and no trial was finished meanwhile. Last: {ended.reason}. "
                f"No trial counts as failed for it. Run the same command again {when}."
            )
            return False
        display.note(f"Ray Tune stopped: {ended.reason}. Trying again in {pause:g} s.")
        self._wait(pause)
        return True

    def _wait(self, seconds: float) -> None:
        stop, until = self._session.stop, time.monotonic() + seconds
        while not stop.asked and time.monotonic() < until:
            stop.now.wait(_LOOK_SECONDS)

    def _fit(self, packs: Packs, *, workers: int | None) -> _Ended:
        """One Tune experiment."""
        import ray
        from ray import tune

        from mtlray.running.on_ray.trainable import ask_to_drain, make_trainable
        from mtlray.running.on_ray.tune_callbacks import StopWhenAsked, Watch

        session = self._session
        job = replace(session.job, launch=uuid.uuid4().hex[:12], alone=workers == 1)

        def hung(pack: Pack, tune_trial: Any) -> None:
            for trial in pack:
                with contextlib.suppress(OSError):
                    note_hang(trial, job)
            ray.kill(tune_trial.temporary_state.ray_actor)

        watch = Watch(packs, session, lambda: ask_to_drain(job.launch), hung)
        storage = self._folder / f"tune-{job.launch}"
        try:
            tune.Tuner(
                tune.with_resources(make_trainable(packs, job), self._resources),
                param_space={"pack": tune.grid_search(list(range(len(packs))))},
                tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=workers),
                run_config=tune.RunConfig(
                    storage_path=str(storage),
                    verbose=0,
                    failure_config=tune.FailureConfig(max_failures=job.policy.retries),
                    callbacks=[watch],
                    stop=StopWhenAsked(session.stop, watch.is_idle),
                ),
            ).fit()
        except Exception as error:  # one trial that Ray's memory monitor kills ends the whole fit
            return _Ended(job, [packs[i] for i in sorted(watch.running)], [], error)
        finally:
            shutil.rmtree(storage, ignore_errors=True)
        starved = self._give_up([(packs[i], error) for i, error in sorted(watch.failed.items())], job)
        running, errors = [pack for pack, _ in starved], [error for _, error in starved]
        return _Ended(job, running, [packs[i] for i in sorted(watch.postponed)], next(iter(errors), None))

    def _give_up(self, failed: Sequence[tuple[Pack, Exception]], job: Job) -> list[tuple[Pack, Exception]]:
        """Give up the packs whose workers were lost too often; not where Ray itself was lost. Raises LaunchError.

        Returns those that the memory monitor killed before they could start, which is no fault of theirs.
        """
        session, starved = self._session, []
        records, _ = job.ledger().records(every_byte=False)
        for pack, error in failed:
            if all(trial.trial_id in records for trial in pack):
                continue
            if session.stop.asked or self._pulse.look():
                break
            if trouble := trouble_with_store(error):
                session.display.note(f"Stopped: {trouble}")
                session.stop.now.set()
                break
            if Shortage.of(error):
                starved.append((pack, error))
                continue
            starts = job.policy.retries + 1
            session.give_up(pack, f"its worker was lost {starts} times, last: {error}", job)
        return starved


def _left(packs: Packs, job: Job) -> list[Pack]:
    """The packs with a trial that has no result yet."""
    records, _ = job.ledger().records(every_byte=False)
    return [pack for pack in packs if any(trial.trial_id not in records for trial in pack)]


def _remote_data(packs: Packs, job: Job) -> RemoteData | None:
    """Where nodes fetch the data of these packs; None where they make it."""
    if job.config.data_from is None:
        return None
    root = Path(job.config.data)
    folders = {folder: None for pack in packs for folder in pack[0].dataset.folders(root)}
    return RemoteData(tuple(folders), root, job.config.data_from)


def _check_pickles(packs: Packs, job: Job) -> None:
    """Raise LaunchError if a trial cannot be sent to a worker."""
    import ray

    from mtlray.running.on_ray.trainable import make_trainable

    try:
        ray.cloudpickle.dumps(make_trainable(packs, job))
    except Exception as error:
        raise LaunchError(
            f"The trials should be sent to Ray's workers, but they cannot be pickled: {' '.join(str(error).split())[:300]}. "
            "Move what cannot be pickled (a lock, an open file) out of the strategy's module, or run with --in-process."
        ) from error
