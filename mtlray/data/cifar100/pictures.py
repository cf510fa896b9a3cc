"""What CIFAR-100's data sets share: sizes, validation pictures, and random crops and flips."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mtlray.data.base import DatasetSpec
from mtlray.data.cifar100.archive import SIDE
from mtlray.data.cifar100.store import folder_of
from mtlray.data.holdout import parts_in_label, settle_parts
from mtlray.tasks.task import checked_names, names_in_label

N_TRAIN, N_TEST = 50_000, 10_000
_PAD = 4  # pixels


@dataclass(frozen=True)
class Pictures(DatasetSpec):
    """Pictures of 32x32 pixels in colour, read as pixels divided by 255. A subclass says which tasks there are.

    `augment_training` shifts each training picture by up to four pixels, with black beyond its edge, and mirrors it half the
    time, left to right. `n_images` are the training and test pictures, which differ from the default for a part of the data set
    only.
    """

    task_names: tuple[str, ...] = ()
    augment_training: bool = False
    val_images: int = 0
    data_seed: int = 0
    n_images: tuple[int, int] = field(kw_only=True, default=(N_TRAIN, N_TEST))

    all_tasks: ClassVar[tuple[str, ...]]
    default_tasks: ClassVar[tuple[str, ...]]
    what: ClassVar[str]
    """What a task is called in messages."""

    def _settle(self) -> None:
        object.__setattr__(self, "task_names", checked_names(self.task_names, self.all_tasks, self.what))
        settle_parts(self)

    @property
    def label(self) -> str:
        chosen = [] if self.task_names == self.default_tasks else names_in_label(self.task_names, self.all_tasks)
        names = [self.key, *chosen]
        if self.augment_training:
            names.append("augmented")
        return "-".join([*names, *parts_in_label(self, usual=(N_TRAIN, N_TEST))])

    @property
    def origin(self) -> str:
        return f"CIFAR-100, {sum(self.n_images):,} pictures of the official archive{self._about_pictures()}"

    @abc.abstractmethod
    def _about_pictures(self) -> str:
        """What else is to be said of them; begins with a comma or is empty."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, SIDE, SIDE)

    @property
    def augmented(self) -> bool:
        return self.augment_training

    def augment(
        self, inputs: Tensor, targets: Mapping[str, Tensor], random: Sequence[torch.Generator]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        return shifted_and_mirrored(inputs, random), targets

    def folders(self, root: Path) -> tuple[Path, ...]:
        return (folder_of(root),)


def shifted_and_mirrored(inputs: Tensor, random: Sequence[torch.Generator]) -> Tensor:
    """Pictures `[seed, batch, channel, row, column]`, each shifted by up to four pixels and mirrored half the time."""
    n_seeds, n, _, height, width = inputs.shape
    shifts = torch.stack([torch.randint(2 * _PAD + 1, (2, n), generator=g) for g in random]).to(inputs.device)
    mirrored = torch.stack([torch.rand(n, generator=g) < 0.5 for g in random]).to(inputs.device)
    rows = shifts[:, 0, :, None] + torch.arange(height, device=inputs.device)
    columns = torch.arange(width, device=inputs.device).expand(n_seeds, n, width)
    columns = shifts[:, 1, :, None] + torch.where(mirrored[:, :, None], columns.flip(-1), columns)
    padded = F.pad(inputs, (_PAD, _PAD, _PAD, _PAD)).movedim(2, -1)
    seed = torch.arange(n_seeds, device=inputs.device)[:, None, None, None]
    example = torch.arange(n, device=inputs.device)[None, :, None, None]
    return padded[seed, example, rows[:, :, :, None], columns[:, :, None, :]].movedim(-1, 2)
