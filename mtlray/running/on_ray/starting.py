"""Starting Ray for a launch: one of its own on this machine, in a private folder, or a cluster that runs already."""

import contextlib
import importlib
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mtlray.errors import LaunchError
from mtlray.planning.cores import cores
from mtlray.planning.wording import several
from mtlray.running.job import Job
from mtlray.running.on_ray.preflight import cpus_and_gpus
from mtlray.running.on_ray.pulse import Pulse
from mtlray.running.on_ray.shipping import stage
from mtlray.running.scratch import RAY

ENVIRONMENT = {
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

_OWN_ENVIRONMENT = {
    # This process would end itself, with code 1, so long after Ray's control process; what there is to tell takes a moment.
    "RAY_gcs_rpc_server_reconnect_timeout_s": "300",
}


class SlowStartError(LaunchError):
    """Ray did not start in the time that it gives itself; it may the next time, with its files read from memory."""


@contextlib.contextmanager
def running_ray(
    job: Job, address: str | None, modules: Sequence[ModuleType], folder: Path, pulse: Pulse
) -> Iterator[None]:
    """A Ray of our own on this machine, whose files are in `folder`, or a connection to a running cluster; watched by `pulse`.

    Raises LaunchError; SlowStartError where another try may help.
    """
    import ray

    try:
        _start(job, address, modules, folder)
    except Exception as error:  # Ray raises a plain Exception where it did not start in time
        what = f"join the Ray cluster at `{address}`" if address else "start Ray on this machine"
        reason = " ".join(str(error).split())[:300].rstrip(".")
        with contextlib.suppress(Exception):
            ray.shutdown()
        kind = SlowStartError if address is None and "timed out" in reason.lower() else LaunchError
        raise kind(
            f"Could not {what}: {reason}. "
            + (
                "Check the address and that the cluster is up, or run without Ray with --in-process."
                if address
                else "Try again when the machine is less busy, or run without Ray with --in-process."
            )
        ) from error
    for name in ("ray", "ray.tune", "ray.air", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what went wrong is told from the ledger, once
    try:
        pulse.begin(watch=not (address or "").startswith("ray://"))
        yield
    except Exception:
        pulse.look()  # whose fault it is
        raise
    finally:
        pulse.end()
        ray.shutdown()


@contextlib.contextmanager
def a_home(folder: Path) -> Iterator[None]:
    """Ray, its processes and Tune need a home folder, which a container's user may not have; `folder` is it meanwhile."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(folder)
        try:
            yield
        finally:
            del os.environ["HOME"]
        return
    yield


def _start(job: Job, address: str | None, modules: Sequence[ModuleType], folder: Path) -> None:
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address is None:
        os.environ.update(_OWN_ENVIRONMENT)
        at_once = job.config.workers or cores()
        # Ray lets everybody into the folder that it is given, but nobody else comes through the one above.
        ray.init(address="local", num_cpus=at_once, include_dashboard=False, _temp_dir=str(folder / RAY), **quiet)
        return
    environment: dict[str, Any] = {"env_vars": ENVIRONMENT}
    if staged := stage(modules, folder / "code"):
        environment["working_dir"] = str(staged)
    ray.init(address=address, runtime_env=environment, **quiet)


def joined() -> str:
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
