"""Where numbers come from: the commit, the versions of what computed them, and the machine."""

import functools
import importlib.metadata
import json
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mtlray.identity.plugins import registered


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit around a sweep file, empty outside a repository, and whether there are uncommitted changes."""

    sha: str
    dirty: bool


def commit_of(folder: Path) -> Commit:
    """The commit that is checked out around `folder`."""

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]  # a killed driver must leave no lock
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

    try:
        return Commit(git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--untracked-files=no")))
    except (OSError, subprocess.SubprocessError):
        return Commit("", False)


@functools.cache
def versions() -> str:
    """JSON of the versions of Python and of the packages that numbers may depend on, with those that offer parts of trials."""
    found = {"python": platform.python_version()}
    plugins = sorted({entry.dist.name for entry in registered() if entry.dist is not None})
    for package in ("mtlray", "torch", "torchvision", "numpy", "ray", "pyarrow", *plugins):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return json.dumps(found)


@functools.cache
def cpu_name() -> str:
    """The processor's own name for itself, or the architecture where it has none."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
