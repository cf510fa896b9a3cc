"""Running packs: over Ray Tune, which executes and never decides what is done, or one after the other in this process."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from types import FrameType, ModuleType
from typing import Any

import torch

from mtlray.errors import LaunchError
from mtlray.execution import Job, give_up, run_pack
from mtlray.preflight import inspect_cluster, judge
from mtlray.progress import Display
from mtlray.specs import TrialSpec

# A trial is started this often again when its worker is lost; errors that would recur never get here.
MAX_FAILURES = 2

_TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # Tune uploads every trial's files again at each sync
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # ours stops Tune in order, for SIGTERM too
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints a box even when silent
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Each trial is a thread of its worker, and glibc would keep the memory of former trials in arenas of their own.
    "MALLOC_ARENA_MAX": "2",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # keeps a warning about a future default off the terminal
}

Packs = Sequence[tuple[TrialSpec, ...]]


def run_in_process(packs: Packs, job: Job, display: Display) -> bool:
    """One pack after the other, without Ray; the same results. Returns whether it was interrupted."""
    if job.config.device == "cuda" and not torch.cuda.is_available():
        raise LaunchError("Option --device asks for cuda. torch finds no GPU here. Choose --device cpu or auto.")
    try:
        for pack in packs:
            for failures in range(MAX_FAILURES + 1):
                try:
                    ended = run_pack(pack, job, lambda step, pack=pack: _report_step(display, pack, step))  # type: ignore[misc]
                    _report_end(display, pack, ended)
                    break
                except Exception as error:  # run_pack raises only what may pass
                    if _store_is_full(str(error)):
                        display.note(f"Stopped: {error}. Free space for the results; the same command goes on.")
                        return True
                    if failures == MAX_FAILURES:
                        _give_up(pack, job, display, repr(error))
                    time.sleep(failures)
    except KeyboardInterrupt:
        return True
    return False


def run_on_ray(packs: Packs, job: Job, display: Display, *, address: str | None, modules: Sequence[ModuleType]) -> bool:
    """All packs as one grid search of Ray Tune, with actors reused. Returns whether it was interrupted.

    `modules` were loaded from sweep files; their classes travel to the workers by value. Raises LaunchError where the
    cluster cannot be reached, cannot run a trial, or has a node with other versions or without a way to the results.
    """
    os.environ.update(_TUNE_ENVIRONMENT)
    import ray

    for module in modules:
        ray.cloudpickle.register_pickle_by_value(module)
    stop = threading.Event()
    with _ray(job, address), _stopping(stop):
        resources = _resources(job)
        _check_pickles(packs, job)
        if address is not None:
            judge(inspect_cluster(job.config.results, job.sweep))
        left = _left(packs, job)
        alone = False
        while left and not stop.is_set():
            running, aborted = _fit(left, job, display, resources, stop, workers=1 if alone else job.config.workers)
            if aborted is None:
                break
            reason = " ".join(str(aborted).split())[:300]
            before, left = len(left), _left(packs, job)
            if len(left) < before:
                display.note(f"Ray Tune stopped: {reason}. Launching what is left again.")
            elif not running:
                raise LaunchError(f"Ray Tune stopped before any trial ran: {reason}. `--in-process` runs without Ray.")
            elif alone:
                for pack in running:
                    _give_up(pack, job, display, f"ended Ray Tune while it ran alone: {reason}")
                left = _left(packs, job)
            else:
                display.note(f"Ray Tune stopped: {reason}. Trials run one by one until one has finished.")
            # One trial that Ray's memory monitor kills takes its neighbours along; alone, it shows itself.
            alone = len(left) == before
    return stop.is_set()


def _left(packs: Packs, job: Job) -> list[tuple[TrialSpec, ...]]:
    """The packs with a trial that has no result yet."""
    records, _ = job.ledger().records()
    return [pack for pack in packs if any(trial.trial_id not in records for trial in pack)]


def _check_pickles(packs: Packs, job: Job) -> None:
    """Raise LaunchError where a trial cannot travel to a worker."""
    import ray

    from mtlray.trainable import make_trainable

    try:
        ray.cloudpickle.dumps(make_trainable(packs, job))
    except Exception as error:
        raise LaunchError(
            f"The trials should travel to Ray's workers, and they do not pickle: {' '.join(str(error).split())[:300]}. "
            "Move what does not pickle (a lock, an open file) out of the strategy's module, or run with --in-process."
        ) from error


def _store_is_full(message: str) -> bool:
    """Whether an error says that results cannot be stored; then no further trial can end well."""
    signs = ("No space left on device", "Disk quota exceeded", "Read-only file system", "File too large")
    return any(sign in message for sign in signs)


def check_address(address: str) -> None:
    """Raise LaunchError where nobody listens at `host:port`; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # "auto", or something that Ray judges better
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise LaunchError(
            f"Option --address should name a running Ray cluster. Nobody answers at `{address}`: {error}. "
            "Start one there with `ray start --head`, or leave --address out to run on this machine."
        ) from error


def _fit(
    packs: Packs,
    job: Job,
    display: Display,
    resources: dict[str, float],
    stop: threading.Event,
    *,
    workers: int | None,
) -> tuple[list[tuple[TrialSpec, ...]], Exception | None]:
    """One Tune experiment. Returns the packs that were running when an exception ended it, and that exception."""
    from ray import tune

    from mtlray.trainable import make_trainable
    from mtlray.tune_callbacks import StopOnEvent, Watch

    watch = Watch(packs, display)
    storage = tempfile.mkdtemp(prefix="mtlray-tune-")
    try:
        results = tune.Tuner(
            tune.with_resources(make_trainable(packs, job), resources),
            param_space={"pack": tune.grid_search(list(range(len(packs))))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=workers),
            run_config=tune.RunConfig(
                storage_path=storage,
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=MAX_FAILURES),
                callbacks=[watch],
                stop=StopOnEvent(stop),
            ),
        ).fit()
    except Exception as error:  # one trial that Ray's memory monitor kills ends the whole fit
        return [packs[i] for i in sorted(watch.running)], error
    finally:
        shutil.rmtree(storage, ignore_errors=True)
    if not stop.is_set():
        records, _ = job.ledger().records()
        for i in range(len(results)):
            result = results[i]
            pack = packs[result.config["pack"]] if result.config else ()
            if result.error is None or all(trial.trial_id in records for trial in pack):
                continue
            if _store_is_full(str(result.error)):
                display.note("Results could not be stored. Free space for them; the same command goes on.")
                break
            _give_up(pack, job, display, f"its worker was lost {MAX_FAILURES + 1} times, last: {result.error}")
    return [], None


def _give_up(pack: tuple[TrialSpec, ...], job: Job, display: Display, reason: str) -> None:
    reason = " ".join(reason.split())[:500]
    for trial in pack:
        try:
            give_up(trial, job, reason)
        except OSError as error:
            raise LaunchError(
                f"Results should go to {job.config.results}. Found: {error}. The same command goes on once that is mended."
            ) from error
        display.ended(trial, "failed", reason)


def _report_step(display: Display, pack: tuple[TrialSpec, ...], step: int) -> None:
    for trial in pack:
        display.step(trial, step)


def _report_end(display: Display, pack: tuple[TrialSpec, ...], ended: Sequence[tuple[str, str]]) -> None:
    for trial, (state, error) in zip(pack, ended, strict=True):
        display.ended(trial, state, error)


def _resources(job: Job) -> dict[str, float]:
    """What one trial asks of Ray; raises LaunchError where no node has it, because Tune would wait for ever."""
    import ray

    wanted = {"CPU": 1.0, "GPU": 1.0} if job.config.device == "cuda" else {"CPU": 1.0}
    if job.config.device == "auto" and ray.cluster_resources().get("GPU", 0) >= 1:
        wanted["GPU"] = 1.0
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(kind, 0) >= amount for kind, amount in wanted.items()) for node in nodes):
        found = ray.cluster_resources()
        raise LaunchError(
            f"Each trial needs {_words(wanted)} on one node. The cluster has {_words(found)} on {len(nodes)} nodes in all. "
            "Choose another --device, or add nodes."
        )
    return wanted


def _words(resources: dict[str, float]) -> str:
    return ", ".join(f"{resources.get(kind, 0):g} {kind}" for kind in ("CPU", "GPU"))


@contextlib.contextmanager
def _ray(job: Job, address: str | None) -> Iterator[None]:
    """A Ray of our own on this machine, or a connection to a running cluster. Raises LaunchError."""
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    try:
        if address is None:
            ray.init(address="local", num_cpus=job.config.workers, include_dashboard=False, **quiet)
        else:
            ray.init(address=address, runtime_env={"env_vars": _TUNE_ENVIRONMENT}, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where = f"the Ray cluster at `{address}`" if address else "Ray on this machine"
        raise LaunchError(
            f"Could not start {where}: {' '.join(str(error).split())[:300]}. "
            "Check the address and that the cluster is up, or run without Ray with --in-process."
        ) from error
    for name in ("ray", "ray.tune", "ray.air", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what went wrong is told from the ledger, once
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM stop the sweep in order; a second SIGINT at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt:
        stop.set()
    finally:
        for number, old in before.items():
            signal.signal(number, old)
