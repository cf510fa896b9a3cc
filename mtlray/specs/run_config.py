"""Where and how trials run; never hashed."""

from dataclasses import dataclass
from typing import Literal

from mtlray.errors import require
from mtlray.models.kernels import KernelChoice
from mtlray.specs.checks import is_number


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """WHERE AND HOW trials run. Never hashed; stored with the results.

    `device` is "cpu", "cuda" or "auto"; `workers` trials run at once (None: one for each core, or GPU); a checkpoint is
    written every `checkpoint_seconds`. `kernel` is what computes small convolutions on a CPU: "fused", compiled at first use,
    "torch", or "auto": fused where there is a compiler. On a cluster a launch waits up to `wait_seconds` for a node that can run
    a trial. Data that is not in `data`, a folder on each node, is fetched once a node from `data_from`, a URI or a folder that
    all nodes share; None: each node makes it. Trials write their curves for TensorBoard below `tensorboard` while they run.

    With `activation_checkpointing` a big model (SegNet, VGG) keeps less of its forward pass and computes it again in the backward
    pass: less memory, a longer step, no other number. It takes packs of one seed; models that have no stages run as without.

    `pack_size` seeds are trained together in one process; "auto": what is fastest on the GPU, measured before the sweep starts,
    and 1 on a CPU. `gpus_per_trial` is what each pack takes of a GPU: a share, so that several run on it at once, or a whole
    number; "auto": the smallest share that its memory and the cores allow, measured likewise.
    """

    data: str
    results: str
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = None
    pack_size: int | Literal["auto"] = 1
    gpus_per_trial: float | Literal["auto"] = 1.0
    checkpoint_seconds: float = 30.0
    kernel: KernelChoice = "auto"
    activation_checkpointing: bool = False
    wait_seconds: float = 0.0
    tensorboard: str | None = None
    data_from: str | None = None

    def __post_init__(self) -> None:
        require(self.device in ("auto", "cpu", "cuda"), "device", 'be "auto", "cpu" or "cuda"', self.device)
        require(self.kernel in ("auto", "fused", "torch"), "kernel", 'be "auto", "fused" or "torch"', self.kernel)
        require(self.workers is None or self.workers >= 1, "workers", "be at least 1", self.workers)
        size, share = self.pack_size, self.gpus_per_trial
        whole = isinstance(size, int) and not isinstance(size, bool) and size >= 1
        require(size == "auto" or whole, "pack_size", 'be a whole number, at least 1, or "auto"', size)
        alone = size in (1, "auto") or not self.activation_checkpointing
        require(alone, "pack_size", 'be 1 or "auto" where `activation_checkpointing` is on', size)
        require(
            share == "auto" or _is_share(share), "gpus_per_trial", 'lie in (0, 1], be a whole number, or "auto"', share
        )
        require(share == 1 or self.device != "cpu", "gpus_per_trial", 'be left out where `device` is "cpu"', share)
        require(self.checkpoint_seconds >= 0, "checkpoint_seconds", "be at least 0", self.checkpoint_seconds)
        require(self.wait_seconds >= 0, "wait_seconds", "be at least 0", self.wait_seconds)


def _is_share(found: object) -> bool:
    return is_number(found) and (0 < float(found) <= 1 or (float(found) > 1 and float(found).is_integer()))  # type: ignore[arg-type]
