"""Where and how trials run; never hashed. Imports no torch: the command line reads its options from here."""

import numbers
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mtlray.checks import require, require_count, require_seconds

try:
    DATA = str(Path("~/.cache/mtlray").expanduser())
except RuntimeError:  # no home folder; the command that needs it says so
    DATA = "~/.cache/mtlray"


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """WHERE AND HOW trials run. Never hashed; stored with the results.

    `device` is "cpu", "cuda" or "auto"; `workers` trials run at once (None: one for each core, or GPU); a checkpoint is
    written every `checkpoint_seconds`. `kernel` is what computes small convolutions on a CPU: "fused", compiled at first use,
    "torch", or "auto": fused where there is a compiler. On a cluster a launch waits up to `wait_seconds` for a node that can run
    a trial. Data that is not in `data`, a folder on each node, is fetched once per node from `data_from`, a URI or a folder that
    all nodes share; None: each node makes it. Trials write their curves for TensorBoard below `tensorboard` while they run.

    `keep` stores networks and test predictions with the results: those "best" by the joint validation score, or the "last"; a
    diverged trial keeps nothing.

    With `activation_checkpointing` a big model (SegNet, VGG) keeps less of its forward pass and computes it again in the backward
    pass: less memory, longer steps, the same numbers. It needs packs of one seed, and has no effect on models without stages.

    `pack_size` seeds are trained together in one process; "auto": what is fastest on the GPU, measured before the sweep starts,
    and 1 on a CPU. `gpus_per_trial` is what each pack takes of a GPU: a share, so that several run on it at once, or all of
    it; no trial uses two. "auto": the smallest share that its memory and the cores allow, measured likewise.

    Fields with a help text are options of the command line (`mtlray.cli.options`).
    """

    data: str = field(
        default=DATA,
        metadata={
            "help": "Folder for data, on each machine's own disk.",
            "env": "MTLRAY_DATA",
            "shown": "~/.cache/mtlray",
            "place": "folder",
        },
    )
    data_from: str | None = field(
        default=None,
        metadata={
            "help": "Where to fetch prepared data that is not in --data: a URI such as s3://…, or a shared folder. Fill it with "
            "`mtlray data push`.",
            "env": "MTLRAY_DATA_FROM",
            "place": "folder or URI",
        },
    )
    results: str = "results"
    workers: int | None = field(
        default=None, metadata={"help": "Trials at once. Default: one per core, or as many as the GPUs take."}
    )
    device: Literal["auto", "cpu", "cuda"] = field(default="auto", metadata={"help": "cpu, cuda or auto."})
    kernel: Literal["auto", "fused", "torch"] = field(  # the `KernelChoice` of mtlray.models.kernels
        default="auto",
        metadata={
            "help": "How small convolutions are computed on a CPU: fused (compiled on first use), torch, or auto."
        },
    )
    pack_size: int | Literal["auto"] = field(
        default=1,
        metadata={
            "help": "Seeds to train together in one process, for GPUs. Packing changes results only by rounding error. auto: "
            "measure before the start and take the fastest; 1 on a CPU, where packs are slower."
        },
    )
    gpus_per_trial: float | Literal["auto"] = field(
        default=1.0,
        metadata={
            "help": "Share of a GPU for each trial (or pack); 0.25 runs four at once. auto: measure before the start and run "
            "as many as memory and cores allow."
        },
    )
    activation_checkpointing: bool = field(
        default=False,
        metadata={
            "help": "Train SegNet, MTAN, VGG, WideResNet and NineLayerCNN in less memory, with longer steps and the same "
            "numbers, by computing the trunk's stages again in the backward pass. No effect on other models. Needs --pack-size 1."
        },
    )
    checkpoint_seconds: float = field(default=30.0, metadata={"help": "Seconds between checkpoints."})
    wait_seconds: float = field(
        default=0.0, metadata={"help": "With --address: seconds to wait for a node that can run a trial."}
    )
    keep: str | None = field(
        default=None,
        metadata={
            "help": "Store each trial's network and its test predictions: best (by the joint validation score) or last. Changes "
            "no number; finished trials are not trained again for it."
        },
    )
    tensorboard: str | None = field(
        default=None,
        metadata={"help": "Also write curves for TensorBoard to this folder while trials run.", "place": "folder"},
    )

    def __post_init__(self) -> None:
        require(self.device in ("auto", "cpu", "cuda"), "device", 'be "auto", "cpu" or "cuda"', self.device)
        require(self.keep in (None, "best", "last"), "keep", 'be "best" or "last"', self.keep)
        require(self.kernel in ("auto", "fused", "torch"), "kernel", 'be "auto", "fused" or "torch"', self.kernel)
        if self.workers is not None:
            require_count("workers", self.workers)
        size, share = self.pack_size, self.gpus_per_trial
        whole = isinstance(size, int) and not isinstance(size, bool) and size >= 1
        require(size == "auto" or whole, "pack_size", 'be a whole number, at least 1, or "auto"', size)
        alone = size in (1, "auto") or not self.activation_checkpointing
        require(alone, "pack_size", 'be 1 or "auto" where `activation_checkpointing` is on', size)
        require(
            share == "auto" or _is_share(share),
            "gpus_per_trial",
            'lie in (0, 1], as no trial uses two GPUs, or be "auto"',
            share,
        )
        require(share == 1 or self.device != "cpu", "gpus_per_trial", 'be left out where `device` is "cpu"', share)
        require_seconds("checkpoint_seconds", self.checkpoint_seconds)
        require_seconds("wait_seconds", self.wait_seconds)


def _is_share(found: object) -> bool:
    if not isinstance(found, numbers.Real) or isinstance(found, bool):
        return False
    return 0 < float(found) <= 1
