"""Cores: how many this process may use, by its affinity, its cgroups and its Slurm job; often fewer than the machine has."""

import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def cores() -> int:
    """The processor cores that this process may use, at least 1.

    The fewest of: those that it is bound to (taskset, a cpuset, `srun -c`), the time that its cgroups and those above them may
    take (a container, a unit of systemd), and those of its Slurm job. A part of a core does not count.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, int(min([bound, *_quotas(), *_slurm()])))


def _slurm() -> Iterator[int]:
    """What a job was given on this node, and a task of a step: they are bound to it only where the site's Slurm does so."""
    names = ["SLURM_CPUS_ON_NODE"]
    if "SLURM_STEP_ID" in os.environ:  # the script of a job has all its tasks' cores
        names.append("SLURM_CPUS_PER_TASK")
    for name in names:
        if (text := os.environ.get(name, "")).isdigit() and int(text) > 0:
            yield int(text)


def _quotas() -> Iterator[float]:
    """The processor time of each cgroup that this process is in, in cores."""
    try:
        entries = [line.split(":", 2) for line in _OWN_CGROUPS.read_text().splitlines()]
    except OSError:  # not a Linux
        return
    for _, controllers, name in (entry for entry in entries if len(entry) == 3):
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = _CGROUPS / "cpu" if controllers else _CGROUPS
        inside = Path(name.lstrip("/"))
        for folder in (root / inside, *(root / parent for parent in inside.parents), root):
            quota = _quota_of_version_1(folder) if controllers else _quota_of_version_2(folder)
            if quota is not None:
                yield quota


def _quota_of_version_2(folder: Path) -> float | None:
    words = _words(folder / "cpu.max")  # "max 100000", "150000 100000"
    return _ratio(words[0], words[1]) if len(words) == 2 else None


def _quota_of_version_1(folder: Path) -> float | None:
    quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
    return _ratio(quota[0], period[0]) if quota and period else None


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:  # not there, as in a container that sees its own cgroup as the root
        return []


def _ratio(quota: str, period: str) -> float | None:
    """None for "max" and -1, which set no limit."""
    if not quota.isdigit() or not period.isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)
