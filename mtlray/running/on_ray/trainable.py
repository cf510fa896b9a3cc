"""The Ray Tune trainable: runs a pack in a worker and reports where it stands. No logic of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from ray import tune
from ray.experimental import internal_kv

from mtlray.results.states import Ending, TrialState
from mtlray.running.job import Job
from mtlray.running.on_ray.shipping import Shipment
from mtlray.running.pack import run_pack
from mtlray.specs import TrialSpec


def make_trainable(packs: Sequence[tuple[TrialSpec, ...]], job: Job) -> Callable[[dict[str, Any]], None]:
    """A function trainable whose config `{"pack": i}` names an entry of `packs`."""
    shipped = Shipment(packs)

    def trainable(config: dict[str, Any]) -> None:
        pack: tuple[TrialSpec, ...] = shipped.open()[config["pack"]]

        def progress(step: int) -> bool:
            tune.report({"step": step})
            return _asked_to_drain(job.launch)

        if _asked_to_drain(job.launch):
            endings = [Ending(TrialState.INTERRUPTED, "not started")] * len(pack)
        else:
            endings = run_pack(pack, job, progress)
        tune.report({"step": pack[0].steps, "ended": endings})

    return trainable


def ask_to_drain(launch: str) -> None:
    """Let the trials of a launch, on every node, save a checkpoint and end. Called on the driver."""
    internal_kv._internal_kv_put(_key(launch), b"1")


def _asked_to_drain(launch: str) -> bool:
    try:
        return bool(internal_kv._internal_kv_exists(_key(launch)))
    except Exception:  # a cluster that is going away must not fail a trial
        return False


def _key(launch: str) -> bytes:
    return f"mtlray-drain-{launch}".encode()
