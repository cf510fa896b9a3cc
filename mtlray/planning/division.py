"""Division: which trials of a grid belong to a part of it. Nothing but the trial decides, so that parts never share one."""

import hashlib
from collections.abc import Sequence

from mtlray.planning.plan import trains_alone
from mtlray.results.part import Part
from mtlray.specs import TrialSpec


def in_part(trials: Sequence[TrialSpec], part: Part) -> tuple[TrialSpec, ...]:
    """The trials of a part, in their order.

    A trial is in the same part whatever else the grid holds and however much of it is finished: two jobs with sweep files that
    differ, or narrowed in two ways, train no trial twice. The parts are as large as such a draw makes them.
    """
    if part.of == 1:
        return tuple(trials)
    return tuple(trial for trial in trials if _number(trial, part.by_cell) % part.of == part.index - 1)


def _number(trial: TrialSpec, by_cell: bool) -> int:
    text = trial.canonical_but_seed if by_cell and not trains_alone(trial) else trial.trial_id
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
