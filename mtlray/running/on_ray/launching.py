"""Running packs over Ray Tune, which executes and never decides what is done."""

import contextlib
import importlib
import logging
import os
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from mtlray.errors import LaunchError
from mtlray.planning.text import Workers
from mtlray.planning.wording import several
from mtlray.running.giving_up import note_hang
from mtlray.running.job import Job
from mtlray.running.on_ray.alone import alone
from mtlray.running.on_ray.preflight import RemoteData, cpus_and_gpus, inspect_cluster, judge
from mtlray.running.on_ray.resources import measured, slots, trial_resources, workers_here
from mtlray.running.on_ray.shipping import stage
from mtlray.running.policy import trouble_with_store
from mtlray.running.session import Pack, Runner, Session
from mtlray.specs import RunConfig

_TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # Tune uploads every trial's files again at each sync
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours stops Tune in order, for SIGTERM too
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints a box even when silent
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Each trial is a thread of its worker, and glibc would keep the memory of former trials in arenas of their own.
    "MALLOC_ARENA_MAX": "2",
    # A lost worker is told in our words; Ray's are a paragraph each, whatever `log_to_driver` says.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed while executing a task",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # keeps a warning about a future default off the terminal
}

Packs = Sequence[Pack]


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
        """Raises LaunchError where the cluster cannot be reached, cannot run a trial, or has a node with other versions or
        without a way to the results."""
        os.environ.update(_TUNE_ENVIRONMENT)

        job, stop = session.job, session.stop
        with stop.listening(), alone(self.address), _ray(job, self.address, self.modules):
            stop.listen()
            if self.address is not None:
                session.display.note(_joined())
            resources = trial_resources(job, stop)
            _check_pickles(packs, job)
            if self.address is not None:
                judge(inspect_cluster(job.config.results, job.sweep, _remote_data(packs, job)))
            packs, resources = measured(packs, session, resources)
            # A cluster may grow.
            workers = job.config.workers or (slots(resources) if self.address is None else None)
            _until_all_have_ended(packs, session, resources, workers)


def _until_all_have_ended(packs: Packs, session: Session, resources: dict[str, float], workers: int | None) -> None:
    """One Tune experiment after the other, each with what the previous one left."""
    job, display, stop = session.job, session.display, session.stop
    left = _left(packs, job)
    alone = False
    while left and not stop.asked:
        ended = _fit(left, session, resources, workers=1 if alone else workers)
        before, left = len(left), _left(packs, job)
        if ended.error is None:
            if not ended.postponed or stop.asked:
                break
            workers = max(1, (workers or slots(resources)) // 2)
            display.note(f"{len(ended.postponed)} trials ran out of memory. They run again, {workers} at once.")
            continue
        reason = " ".join(str(ended.error).split())[:300]
        if len(left) < before:
            display.note(f"Ray Tune stopped: {reason}. Starting the remaining trials again.")
        elif not ended.running:
            raise LaunchError(f"Ray Tune stopped before any trial ran: {reason}. `--in-process` runs without Ray.")
        elif alone:
            for pack in ended.running:
                session.give_up(pack, f"ended Ray Tune while it ran alone: {reason}", ended.job)
            left = _left(packs, job)
        else:
            display.note(f"Ray Tune stopped: {reason}. Trials run one by one until one has finished.")
        # One trial that Ray's memory monitor kills takes its neighbours along; alone, it shows itself.
        alone = len(left) == before


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


def _joined() -> str:
    """Say which cluster was joined: `auto` joins any Ray on this machine, whoever started it."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]
    has = cpus_and_gpus(ray.cluster_resources())
    return f"Joined the Ray cluster at {ray.get_runtime_context().gcs_address}: {several(len(nodes), 'node')}, {has}."


def check_address(address: str) -> None:
    """Raise LaunchError where nobody listens at `host:port`, for Ray would try for minutes, and where "auto" is anyone's."""
    if address == "auto":
        _refuse_a_choice()
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # something that Ray judges better
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise LaunchError(
            f"Option --address should name a running Ray cluster. Nobody answers at `{address}`: {error}. "
            "Start one there with `ray start --head`, or leave --address out to run on this machine."
        ) from error


def _refuse_a_choice() -> None:
    """Raise LaunchError where "auto" would be any of several Rays, none of which was started as a cluster.

    Ray would take the first that it comes across: the one that another user's script has started for itself.
    """
    services: Any = importlib.import_module("ray._private.services")
    running: set[str] = getattr(services, "find_gcs_addresses", set)()  # Ray's own, which may go
    cluster = getattr(services, "find_bootstrap_address", lambda folder: "")(None)
    if not os.environ.get("RAY_ADDRESS") and cluster is None and len(running) > 1:
        raise LaunchError(
            f"Option --address auto should find one Ray cluster on this machine. Found {len(running)}, none of which was "
            f"started by `ray start`: {', '.join(sorted(running))}. Name the one that you mean, or leave --address out."
        )


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


def _fit(packs: Packs, session: Session, resources: dict[str, float], *, workers: int | None) -> _Ended:
    """One Tune experiment."""
    import ray
    from ray import tune

    from mtlray.running.on_ray.trainable import ask_to_drain, make_trainable
    from mtlray.running.on_ray.tune_callbacks import StopWhenAsked, Watch

    job = replace(session.job, launch=uuid.uuid4().hex[:12], alone=workers == 1)

    def hung(pack: Pack, tune_trial: Any) -> None:
        for trial in pack:
            with contextlib.suppress(OSError):
                note_hang(trial, job)
        ray.kill(tune_trial.temporary_state.ray_actor)

    watch = Watch(packs, session, lambda: ask_to_drain(job.launch), hung)
    storage = tempfile.mkdtemp(prefix="mtlray-tune-")
    try:
        results = tune.Tuner(
            tune.with_resources(make_trainable(packs, job), resources),
            param_space={"pack": tune.grid_search(list(range(len(packs))))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=workers),
            run_config=tune.RunConfig(
                storage_path=storage,
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
    if not session.stop.asked:
        records, _ = job.ledger().records(every_byte=False)
        for i in range(len(results)):
            result = results[i]
            pack = packs[result.config["pack"]] if result.config else ()
            if result.error is None or all(trial.trial_id in records for trial in pack):
                continue
            if trouble := trouble_with_store(result.error):
                session.display.note(f"Stopped: {trouble}")
                session.stop.now.set()
                break
            starts = job.policy.retries + 1
            session.give_up(pack, f"its worker was lost {starts} times, last: {result.error}", job)
    return _Ended(job, [], [packs[i] for i in sorted(watch.postponed)])


@contextlib.contextmanager
def _ray(job: Job, address: str | None, modules: Sequence[ModuleType]) -> Iterator[None]:
    """A Ray of our own on this machine, or a connection to a running cluster. Raises LaunchError."""
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    folder = tempfile.mkdtemp(prefix="mtlray-code-")
    try:
        if address is None:
            ray.init(address="local", num_cpus=job.config.workers, include_dashboard=False, **quiet)
        else:
            environment: dict[str, Any] = {"env_vars": _TUNE_ENVIRONMENT}
            if staged := stage(modules, Path(folder)):
                environment["working_dir"] = str(staged)
            ray.init(address=address, runtime_env=environment, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        what = f"join the Ray cluster at `{address}`" if address else "start Ray on this machine"
        raise LaunchError(
            f"Could not {what}: {' '.join(str(error).split())[:300].rstrip('.')}. "
            "Check the address and that the cluster is up, or run without Ray with --in-process."
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # Ray has it
    for name in ("ray", "ray.tune", "ray.air", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what went wrong is told from the ledger, once
    try:
        yield
    finally:
        ray.shutdown()
