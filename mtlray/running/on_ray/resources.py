"""What one trial requests from Ray, and how many run at once; packs and shares of a GPU that are measured there first."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from mtlray.planning.cores import cores
from mtlray.planning.text import Workers
from mtlray.running.calibration import ON_CPU, Calibration, calibrate, gpu_share, largest_packs, repacked
from mtlray.running.job import Job
from mtlray.running.on_ray.preflight import await_node
from mtlray.running.on_ray.shipping import Shipment
from mtlray.running.session import Pack, Session
from mtlray.running.signals import Stop

_UNITS = 10_000  # in which Ray counts each resource
_ROUNDING = 1e-6
_POLL_SECONDS = 1.0


def trial_resources(job: Job, stop: Stop) -> dict[str, float]:
    """What one trial requests from Ray; a whole GPU until its share is measured. Raises LaunchError where no node has it."""
    import ray

    config, wanted = job.config, {"CPU": 1.0}
    if config.device == "cuda" or (config.device == "auto" and ray.cluster_resources().get("GPU", 0) >= 1):
        wanted["GPU"] = 1.0 if config.gpus_per_trial == "auto" else _in_units(config.gpus_per_trial)
    await_node(wanted, config.wait_seconds, lambda: stop.asked)
    return wanted


def workers_here(device: str, gpus_per_trial: float | Literal["auto"], workers: int | None = None) -> Workers:
    """How many trials a Ray of this machine's own would run at once; a share of a GPU that is yet to be measured counts as 1.

    `workers` is the most that there may be, if that was said.
    """
    import torch

    gpus = 0 if device == "cpu" else torch.cuda.device_count()
    if device == "cpu" or (device == "auto" and gpus < 1):
        return Workers(workers or cores())
    share = 1.0 if gpus_per_trial == "auto" else _in_units(gpus_per_trial)
    here = slots_of({"CPU": workers or cores(), "GPU": gpus}, {"CPU": 1.0, "GPU": share})
    return Workers(here, on_gpus=True)


def slots(wanted: Mapping[str, float]) -> int:
    """How many trials the cluster runs at once."""
    import ray

    return slots_of(ray.cluster_resources(), wanted)


def slots_of(found: Mapping[str, float], wanted: Mapping[str, float]) -> int:
    """How many trials so many resources are enough for, at least 1; no trial takes parts of two GPUs."""

    def fitting(amount: float, of: float) -> int:
        return int(of / amount + _ROUNDING)

    numbers = [
        int(found.get(kind, 0)) * fitting(amount, 1) if amount < 1 else fitting(amount, found.get(kind, 0))
        for kind, amount in wanted.items()
    ]
    return max(1, min(numbers))


def measured(packs: Sequence[Pack], session: Session, wanted: dict[str, float]) -> tuple[list[Pack], dict[str, float]]:
    """Packs, and what each asks of Ray, with what is "auto" measured by one Ray task with a trial's resources."""
    config, say = session.job.config, session.display.note
    size, share = config.pack_size, config.gpus_per_trial
    if "GPU" not in wanted:
        if size == "auto":
            say(ON_CPU)
        if share != 1:
            say("No GPU here: --gpus-per-trial has no effect.")
        return list(packs), wanted
    if "auto" not in (size, share):
        return list(packs), wanted
    trials = [trial for pack in packs for trial in pack]
    largest = largest_packs(trials)
    found = measure_on_ray(list(largest.values()), session.job, wanted, session.stop)
    if size == "auto":
        packs = repacked(trials, largest, found, say)
    if share == "auto":
        for why in dict.fromkeys(calibration.ended for calibration in found if not calibration.used_bytes):
            say(f"The memory use of some trials is unknown: {why}.")
        wanted = wanted | {"GPU": _in_units(gpu_share(found, _cores_of_a_gpu()))}
        say(f"GPUs per trial: {wanted['GPU']:g}, from the memory that one trial uses and the number of cores.")
    return list(packs), wanted


def measure_on_ray(largest: Sequence[Pack], job: Job, wanted: Mapping[str, float], stop: Stop) -> list[Calibration]:
    """`calibrate` where trials run. A pack of one for each kind where its worker is lost or hangs, or on a request to stop."""
    import ray

    answer = last_task(_calibrated, wanted).remote(
        Shipment(list(largest)), job, probe_memory=job.config.gpus_per_trial == "auto"
    )
    seconds = job.policy.hang_seconds * len(largest)  # a kind takes no longer than a trial may without progress
    started = time.monotonic()
    why = "stopped"
    while not stop.asked:
        if ray.wait([answer], timeout=_POLL_SECONDS)[0]:
            try:
                found: list[Calibration] = ray.get(answer)
            except ray.exceptions.RayError as error:
                last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
                why = f"the measurement failed: {last.strip()[:200].rstrip('.')}"
                break
            return found
        if seconds and time.monotonic() - started > seconds:
            why = f"the measurement was not finished after {seconds:g} s"
            break
    ray.cancel(answer, force=True)  # nothing happens to one that has ended
    return [Calibration(1, ended=why) for _ in largest]


def _calibrated(shipped: Shipment, job: Job, *, probe_memory: bool) -> list[Calibration]:
    """`calibrate`, in a worker."""
    return calibrate(shipped.open(), job, probe_memory=probe_memory)


def last_task(function: Callable[..., Any], wanted: Mapping[str, float]) -> Any:
    """A Ray task with a trial's resources whose worker ends with it, so that it leaves no memory taken on a GPU."""
    import ray

    once: Any = ray.remote(num_cpus=wanted["CPU"], num_gpus=wanted.get("GPU", 0), max_calls=1, max_retries=0)
    return once(function)


def _in_units(share: float) -> float:
    """Rounded down to what Ray counts in: of 1/6, rounded to the nearest, it would fit five."""
    return max(1, int(share * _UNITS + _ROUNDING)) / _UNITS


def _cores_of_a_gpu() -> int:
    """The cores that each GPU's trials have, on the node where that is least."""
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU", 0) >= 1]
    return max(1, min((int(node.get("CPU", 0) // node["GPU"]) for node in nodes), default=1))
