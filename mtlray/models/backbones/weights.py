"""Weights to start from, in a file as torchvision offers them: read, identified by content, put into a network."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mtlray.errors import DataError, SpecError
from mtlray.reading.causes import guarded

# Of the auxiliary classifiers that some networks have while they are trained; ours are built without.
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures of ImageNet, red, green and blue: what published weights expect to be taken away and divided by."""


def content_of(path: Path) -> str:
    """16 hex digits over a file's bytes. Raises DataError where there is none."""
    if not path.is_file():
        raise DataError(
            f"The weights to start from should be the file {path}. Found none. Download it from where torchvision names it "
            "(`torchvision.models.get_model_weights(name).DEFAULT.url`), and give its path on every machine."
        )
    with guarded(str(path), "a file that can be read"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def put_into(network: nn.Module, path: Path, content: str, last: str) -> None:
    """Load a network's weights from a file of that content, all but those of its last layer, whatever its size is there.

    Raises DataError where the file is gone, changed or damaged, and SpecError where it is of another network.
    """
    if content_of(path) != content:
        raise DataError(
            f"The weights in {path} should be those that the sweep was loaded with. They have changed since. Start the command "
            "again."
        )
    read = _read(path)
    kept = {name: value for name, value in read.items() if not name.startswith((f"{last}.", *_AUXILIARY))}
    own = {name: value for name, value in network.state_dict().items() if not name.startswith(f"{last}.")}
    missing, unknown = sorted(own.keys() - kept.keys()), sorted(kept.keys() - own.keys())
    other = sorted(name for name in own.keys() & kept.keys() if own[name].shape != kept[name].shape)
    if missing or unknown or other:
        counts = f"{len(missing)} missing, {len(unknown)} unknown, {len(other)} of another shape"
        first = (missing or unknown or other)[0]
        raise SpecError(
            f"The weights in {path} should be of this network. Found tensors of another one: {counts}, the first `{first}`. Name "
            "the network that they are of, or another file."
        )
    network.load_state_dict(kept, strict=False)


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        read: Any = torch.load(path, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # torch raises many kinds for files that are none of its own
        raise DataError(
            f"The weights in {path} should be a file that `torch.save` wrote from a network's `state_dict()`. It does not load: "
            f"{type(error).__name__}. Download or write it again."
        ) from error
    if not isinstance(read, Mapping) or not all(isinstance(value, Tensor) for value in read.values()):
        found = (
            f"a dict with {', '.join(map(str, list(read)[:4]))}" if isinstance(read, Mapping) else type(read).__name__
        )
        raise SpecError(
            f"The weights in {path} should be a network's `state_dict()`, tensors by name. Found {found}. Save that part alone."
        )
    return read


class OfImageNet(nn.Module):
    """Pixels in [0, 1] as published weights expect them, less the mean of ImageNet's and in its standard deviations."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
