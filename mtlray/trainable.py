"""The Ray Tune trainable: runs a pack in a worker and reports where it stands. No logic of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from ray import tune

from mtlray.execution import Job, run_pack
from mtlray.specs import TrialSpec


def make_trainable(packs: Sequence[tuple[TrialSpec, ...]], job: Job) -> Callable[[dict[str, Any]], None]:
    """A function trainable whose config `{"pack": i}` names an entry of `packs`."""

    def trainable(config: dict[str, Any]) -> None:
        pack = packs[config["pack"]]

        def progress(step: int) -> None:
            tune.report({"step": step})

        ended = run_pack(pack, job, progress)
        tune.report({"step": pack[0].steps, "ended": ended})

    return trainable
