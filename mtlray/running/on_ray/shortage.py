"""What Ray's memory monitor says when it kills workers, and whose memory it was.

The monitor kills what was started last where a node's memory is nearly used up, whoever uses it. Ray tells it in a text alone,
whose wording differs between versions.
"""

import re
from dataclasses import dataclass

_SIGN = "running low on memory"
_IN_USE = re.compile(r"([\d.]+)\s?GB(?: used)? / ([\d.]+)\s?GB")
_CHOSEN = re.compile(r"Selected to kill: \(.*?memory used=([\d.]+)\s?GB", re.DOTALL)
_KILLED = re.compile(r"memory used=([\d.]+)\s?GB")


@dataclass(frozen=True, slots=True)
class Shortage:
    """A node whose memory ran out, in GB: what was in use, what it has, what each killed worker used; None and () if unknown."""

    used: float | None
    total: float | None
    by_killed: tuple[float, ...]

    @classmethod
    def of(cls, error: object) -> "Shortage | None":
        """From an error of Ray's, or its text; the last one where it tells of several. None where it is about something else."""
        text = str(error)
        if (at := text.rfind(_SIGN)) < 0:
            return None
        text = text[at:]
        in_use = _IN_USE.search(text)
        killed = _CHOSEN.findall(text) or _KILLED.findall(text)
        used, total = (float(in_use[1]), float(in_use[2])) if in_use else (None, None)
        return cls(used, total, tuple(map(float, killed)))

    @property
    def is_of_one_trial(self) -> bool:
        """Whether one worker was killed, which used more than everything else on its node together."""
        return len(self.by_killed) == 1 and self.used is not None and 2 * self.by_killed[0] > self.used

    def __str__(self) -> str:
        if self.used is None:
            return "Ray's memory monitor killed a trial: the memory of its node was nearly used up"
        node = f"of its node's {self.total:g} GB, {self.used:g} GB were in use"
        if not self.by_killed:
            return f"Ray's memory monitor killed a trial: {node}"
        if len(self.by_killed) == 1:
            return f"Ray's memory monitor killed a trial: {node}, {self.by_killed[0]:g} GB by this trial"
        share = f"{sum(self.by_killed):g} GB by these trials"
        return f"Ray's memory monitor killed {len(self.by_killed)} trials: {node}, {share}"
