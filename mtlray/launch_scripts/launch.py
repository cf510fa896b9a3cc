"""What all launch scripts are made from: the sweep, the machines, and the command that every one of them runs in the end."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtlray.errors import LaunchError, require

PROVIDERS = ("aws", "gcp", "local")


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One launch of a sweep on `nodes` machines of `cpus` cores and `gpus` GPUs each; a time limit is in hours.

    `files` are the sweep file and the modules beside it that it imports; `command` is the line that made the script.
    """

    name: str
    sweep: Path
    files: tuple[Path, ...]
    command: str
    results: str
    data: str | None = None
    nodes: int = 1
    cpus: int = 8
    gpus: int = 0
    memory_gb: int = 16
    hours: float = 24.0
    partition: str | None = None
    account: str | None = None
    setup: str | None = None
    image: str | None = None
    spot: str | None = None
    provider: str = "aws"
    hosts: tuple[str, ...] = ()
    address: str = "http://127.0.0.1:8265"
    run_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("nodes", "cpus", "memory_gb"):
            require(getattr(self, name) >= 1, name, "be at least 1", getattr(self, name))
        require(self.gpus >= 0, "gpus", "be at least 0", self.gpus)
        require(self.hours >= 0.25, "hours", "be at least 0.25, of which minutes go to the last checkpoint", self.hours)
        require(self.provider in PROVIDERS, "provider", f"be one of {', '.join(PROVIDERS)}", self.provider)
        for name in ("partition", "account", "setup", "image", "results", "data"):
            value = getattr(self, name)
            require(value is None or "\n" not in value, name, "be one line", value)

    @property
    def slug(self) -> str:
        """The sweep's name as Kubernetes and clouds take names: at most 40 of a-z, 0-9 and `-`."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40].strip("-") or "sweep"

    def run(self, *, sweep: str, data: str, options: Sequence[str] = ()) -> str:
        """The shell text of `mtlray run`. `options` are shell text already, and may hold variables."""
        words = ["mtlray", "run", shlex.quote(sweep), "--yes", "--results", shlex.quote(self.results), "--data", data]
        if "--device" not in self.run_options:
            words += ["--device", "cuda" if self.gpus else "cpu"]
        return " ".join([*words, *options, *map(shlex.quote, self.run_options)])

    def shared_results(self, where: str) -> None:
        """Raise LaunchError unless results go to an object store."""
        if "://" not in self.results or self.results.startswith("file://"):
            raise LaunchError(
                f"{where} share no disk, so results should go to an object store: `--results s3://BUCKET/FOLDER` or "
                f"`gs://BUCKET/FOLDER`. Found `--results {self.results}`."
            )

    def needs_image(self) -> str:
        """The container image. Raises LaunchError where none is given."""
        if not self.image:
            raise LaunchError(
                "Option --image should name a container image with mtlray and its versions in it, which every node pulls. "
                "Found none. docs/clusters.md has the Dockerfile."
            )
        return self.image
