"""Counts, durations and trials in words, the same wherever a person reads them."""

from mtlray.specs import TrialSpec
from mtlray.words.values import per_cent


def several(n: int, noun: str) -> str:
    """`1 seed`, `3 seeds`."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def name(trial: TrialSpec) -> str:
    """One trial in words."""
    return f"{trial.dataset.label} {trial.strategy.label} {per_cent(trial.fraction)} % seed {trial.seed} ({trial.trial_id})"


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 12 min, 3.4 h, 2.1 d."""
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            value = seconds / size
            return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
    return f"{seconds / 86_400:.1f} d"
