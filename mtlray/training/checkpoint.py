"""Everything a trial owns, as bytes and back. A checkpoint of another trial is refused."""

import io
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mtlray.errors import ResultsError


@dataclass(slots=True)
class Checkpoint:
    """What one trial is at the end of a step; each tensor leads with a `seed` axis of one.

    `meters` are running sums since the last evaluation or epoch; `rows` are the curve so far; `data_fingerprint` is that of
    the data it was trained on; `kernel` names what computed it so far. `kept` is the network that `--keep best` would store by
    now, with its `step`, its `score` and its tensors, `model`, without that axis; empty where none is kept.
    """

    trial_id: str
    step: int
    model: dict[str, Tensor]
    strategy: dict[str, dict[str, Tensor]]
    optimizer: dict[str, dict[str, Any]]
    meters: dict[str, Tensor]
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    data_fingerprint: str = ""
    kernel: str = "torch"
    kept: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        buffer = io.BytesIO()
        torch.save({name: getattr(self, name) for name in self.__slots__}, buffer)
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes, trial_id: str) -> "Checkpoint":
        """Raises ResultsError where the bytes are no checkpoint, or that of another trial."""
        try:
            content = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
            checkpoint = cls(**content)
        except MemoryError:
            raise
        except Exception as error:  # torch raises many kinds for torn files
            raise ResultsError(f"The checkpoint of trial {trial_id} does not load: {error}.") from error
        if checkpoint.trial_id != trial_id:
            raise ResultsError(f"A checkpoint of trial {trial_id} was expected. Found that of {checkpoint.trial_id}.")
        return checkpoint


class Interrupted(Exception):  # no error: somebody asked for it
    """Training stopped on request; its checkpoints are saved."""

    def __init__(self, step: int) -> None:
        super().__init__(f"stopped on request at step {step}")
        self.step = step
