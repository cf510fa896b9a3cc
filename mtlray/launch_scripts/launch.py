"""What all launch scripts are made from: the sweep, the machines, and the command that every one of them runs in the end."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtlray.checks import require, require_count
from mtlray.errors import LaunchError
from mtlray.words.masking import holds_credentials

PROVIDERS = ("aws", "gcp", "local")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The machines of a launch: `nodes` of `cpus` cores and `gpus` GPUs each, for `hours`; and what one way to reach them needs.

    All fields are options of the command line (`mtlray.cli.options`).
    """

    data: str | None = field(
        default=None,
        metadata={
            "help": "Folder for data on each node. Default: in $SLURM_TMPDIR for slurm, /data for kuberay, else "
            "~/.cache/mtlray."
        },
    )
    nodes: int = field(default=1, metadata={"help": "Machines that run trials."})
    array: int = field(
        default=1,
        metadata={"help": "For slurm: jobs that share the sweep, each with its own part of the grid and nodes."},
    )
    cpus: int = field(default=8, metadata={"help": "Cores per machine."})
    gpus: int = field(default=0, metadata={"help": "GPUs per machine."})
    memory_gb: int = field(default=16, metadata={"help": "Memory per machine, in GB."})
    hours: float = field(default=24.0, metadata={"help": "Time limit of a job. Slurm then restarts it."})
    partition: str | None = field(default=None, metadata={"help": "For slurm."})
    account: str | None = field(default=None, metadata={"help": "For slurm."})
    setup: str | None = field(default=None, metadata={"help": "Shell command that puts mtlray on PATH."})
    image: str | None = field(default=None, metadata={"help": "Container image, for kuberay and ray-up."})
    spot: str | None = field(
        default=None,
        metadata={"help": "Use spot (preemptible) workers: gke, eks, karpenter or aks for kuberay; cloud for ray-up."},
    )
    provider: str = field(default="aws", metadata={"help": "For ray-up: aws, gcp or local."})
    hosts: tuple[str, ...] = field(
        default=(), metadata={"help": "For ray-up with --provider local: the machines, the head first."}
    )
    address: str = field(
        default="http://127.0.0.1:8265", metadata={"help": "For ray-job: address of the cluster's dashboard."}
    )

    def __post_init__(self) -> None:
        for name in ("nodes", "array", "cpus", "memory_gb"):
            require_count(name, getattr(self, name))
        require_count("gpus", self.gpus, least=0)
        rule = "be at least 0.25, because the last minutes go to checkpoints, and at most 8,760, a year"
        require(0.25 <= self.hours <= 8760, "hours", rule, self.hours)
        require(self.provider in PROVIDERS, "provider", f"be one of {', '.join(PROVIDERS)}", self.provider)
        for name in ("partition", "account", "setup", "image", "data", "spot", "address"):
            _require_fit_to_print(name, getattr(self, name))
        for host in self.hosts:
            _require_fit_to_print("hosts", host)

    def needs_image(self) -> str:
        """The container image. Raises LaunchError where none is given."""
        if not self.image:
            raise LaunchError(
                "Option --image should name a container image that has mtlray installed and that every node can pull. "
                "Found none. docs/clusters.md has the Dockerfile."
            )
        return self.image


@dataclass(frozen=True, kw_only=True)
class Launch:
    """One launch of a sweep on a cluster.

    `files` are the sweep file and the modules beside it that it imports; `command` holds the words that made the script. Raises
    SpecError for words with line breaks or other control characters, which could end a comment or a line of the script, and
    LaunchError for credentials, which do not belong into a file.
    """

    name: str
    sweep: Path
    files: tuple[Path, ...]
    command: tuple[str, ...]
    results: str
    cluster: Cluster = field(default_factory=Cluster)
    run_options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_fit_to_print("results", self.results)
        for option in self.run_options:
            _require_fit_to_print("RUN OPTIONS", option)
        _require_fit_to_print("SWEEP", str(self.sweep))

    @property
    def made_by(self) -> str:
        """`command` for a comment: in one line, whatever was typed, and still to be pasted into a shell."""
        return " ".join(map(_in_one_line, self.command))

    @property
    def slug(self) -> str:
        """The sweep's name as Kubernetes and clouds take names: at most 40 of a-z, 0-9 and `-`."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")[:40].strip("-") or "sweep"

    def run(self, *, sweep: str, data: str | None, options: Sequence[str] = ()) -> str:
        """The shell text of `mtlray run`. `options` and `data` are shell text already, and may hold variables."""
        words = ["mtlray", "run", shlex.quote(sweep), "--yes", "--results", shlex.quote(self.results)]
        words += ["--data", data] if data is not None else []
        if "--device" not in self.run_options:
            words += ["--device", "cuda" if self.cluster.gpus else "cpu"]
        return " ".join([*words, *options, *map(shlex.quote, self.run_options)])

    def shared_results(self, where: str) -> None:
        """Raise LaunchError unless results go to an object store."""
        if "://" not in self.results or self.results.startswith("file://"):
            raise LaunchError(
                f"{where} share no disk, so results should go to an object store: `--results s3://BUCKET/FOLDER` or "
                f"`gs://BUCKET/FOLDER`. Found `--results {self.results}`."
            )


def _require_fit_to_print(name: str, value: str | None) -> None:
    """Raise SpecError for a text of several lines, and LaunchError for one with credentials."""
    if value is None:
        return
    require(value.isprintable(), name, "be one line, without control characters", repr(value))
    if holds_credentials(value):
        raise LaunchError(
            f"A launch script should hold no credentials. Found `{value}` for `{name}`. Give them by the environment of the "
            "cluster, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; docs/clusters.md says how."
        )


def _in_one_line(word: str) -> str:
    """A word for a shell; what would break the line is written as bash's $'...' has it."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = "".join(c if c.isprintable() and c not in "'\\" else _escape(c) for c in word)
    return f"$'{escaped}'"


def _escape(character: str) -> str:
    number = ord(character)
    if character in "'\\":
        return f"\\{character}"
    return f"\\x{number:02x}" if number < 0x80 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
