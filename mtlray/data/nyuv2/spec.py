"""NYU Depth v2 as a data set: classes, depth and surface normals of rooms."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mtlray.checks import integer, require
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, SplitName
from mtlray.data.files import prepared
from mtlray.data.files.record import is_here
from mtlray.data.holdout import (
    held_out,
    n_in_split,
    parts_in_label,
    require_val_images,
    settle_parts,
    three_splits,
)
from mtlray.data.nyuv2.augmentation import flipped_and_scaled
from mtlray.data.nyuv2.importing import FORMS, folder_of
from mtlray.data.nyuv2.reduced import write_reduced
from mtlray.data.nyuv2.sample import DEPTH_STEP, HEIGHT, N_TEST, N_TRAIN, WIDTH
from mtlray.data.nyuv2.tasks import TASKS, nyuv2_task
from mtlray.errors import DataError, unknown_name
from mtlray.tasks.task import Task, checked_names


@dataclass(frozen=True)
class NYUv2(DatasetSpec):
    """1,449 images of rooms with 13 classes, depth and surface normals (Silberman et al. 2012), 288x384, as Liu et al. 2019.

    `source` is the form that was imported: "mtan", "mat" (the official file), "mat-eigen" or "mat-ladicky" (with published
    normals) or "288-jpeg-depth8"; numbers of different sources are not comparable. `mask="legacy2019"` lets the normals' loss
    count the pixels that have a depth, as mtan did until 2020, and not those that have a normal. `augment` scales, crops and
    flips training images at random. `downscale` divides height and width. `val_images` are held out of the training images, by
    whole scenes where the source names them, else as one run of the official order; `data_seed` draws them. `n_images` are the
    training and test images of the import.
    Inputs are pixels divided by 255.

    Tasks: `segmentation` (13 classes), `depth` (metres) and `normals`.
    """

    source: str = "mtan"
    task_names: tuple[str, ...] = TASKS
    mask: Literal["own", "legacy2019"] = "own"
    augment_training: bool = False
    downscale: int = 1
    val_images: int = 0
    n_images: tuple[int, int] = (N_TRAIN, N_TEST)
    data_seed: int = 0

    key: ClassVar[str] = "nyuv2"

    def __post_init__(self) -> None:
        object.__setattr__(self, "task_names", checked_names(self.task_names, TASKS, "NYUv2 task"))
        settle_parts(self)
        object.__setattr__(self, "downscale", integer("downscale", self.downscale))
        if self.source not in FORMS:
            raise unknown_name("form of NYUv2", self.source, FORMS)
        require(self.mask in ("own", "legacy2019"), "mask", 'be "own" or "legacy2019"', repr(self.mask))
        require(self.downscale in (1, 2, 4, 8), "downscale", "be 1, 2, 4 or 8", self.downscale)
        require_val_images(self, self.n_images[0])

    @property
    def label(self) -> str:
        names = [self.key]
        if self.task_names != TASKS:
            names += self.task_names
        names.append(self.source)
        if self.mask != "own":
            names.append(self.mask)
        if self.augment_training:
            names.append("augmented")
        if self.downscale != 1:
            names.append(f"{self._height}x{self._width}")
        return "-".join([*names, *parts_in_label(self, usual=(N_TRAIN, N_TEST))])

    @property
    def origin(self) -> str:
        form = FORMS[self.source]
        normals = f"; normals {form.normals}" if "normals" in self.task_names and form.normals != "given" else ""
        return f"{form.origin} ({form.words}{normals})"

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(nyuv2_task(name, (self._height, self._width)) for name in self.task_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, self._height, self._width)

    @property
    def evaluation_batch(self) -> int:
        """An even number, because the metrics of 2019 are means over pairs."""
        return min(4 * self.downscale**2, 64)

    @property
    def augmented(self) -> bool:
        return self.augment_training

    def augment(
        self, inputs: Tensor, targets: Mapping[str, Tensor], random: Sequence[torch.Generator]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        return flipped_and_scaled(inputs, targets, random)

    def n_examples(self, split: SplitName) -> int:
        return n_in_split(self, split)

    def folders(self, root: Path) -> tuple[Path, ...]:
        return (folder_of(root, self.source),)  # smaller pictures are made from it

    def prepare(self, root: Path) -> str:
        folder = self._imported(root)
        if self.downscale == 1:
            return prepared.recorded_fingerprint(folder)
        return prepared.prepare_rows(
            self._folder(root), lambda writer: write_reduced(writer, prepared.load(folder)[0], self.downscale)
        )

    def load(self, root: Path) -> Dataset:
        arrays, mark = prepared.load(self._folder(root))
        found = tuple(len(arrays[f"{split}-images"]) for split in ("train", "test"))
        if found != self.n_images:
            raise DataError(
                f"NYUv2 in the form `{self.source}` should have {self.n_images[0]} training and {self.n_images[1]} test images. "
                f"Found {found[0]} and {found[1]} in {root}. Import the whole set, or write `NYUv2(n_images={found})`."
            )
        if "normals" in self.task_names and "train-normals" not in arrays:
            raise DataError(
                f"NYUv2 in the form `{self.source}` was imported without normals. Remove {folder_of(root, self.source)} and "
                "import it with them, or leave the task `normals` out of `task_names`."
            )
        scenes = arrays["train-scenes"].numpy() if "train-scenes" in arrays else None
        val = held_out(found[0], self.val_images, scenes, self.data_seed, "nyuv2 val")
        return Dataset(three_splits(val, partial(self._examples, arrays)), mark)

    def _examples(self, arrays: Mapping[str, Tensor], split: str, rows: Tensor | None) -> Examples:
        targets: dict[str, Column] = {}
        for name in self.task_names:
            if name == "segmentation":
                targets[name] = Column(arrays[f"{split}-labels"], "label")
            elif name == "depth":
                targets[name] = Column(arrays[f"{split}-depth"], "number", DEPTH_STEP)
            else:
                normals = arrays[f"{split}-normals"]
                targets[name] = Column(normals if self.mask == "legacy2019" else normals[:, :3], "direction")
        return Examples(Column(arrays[f"{split}-images"], "image"), targets, rows)

    @property
    def _height(self) -> int:
        return HEIGHT // self.downscale

    @property
    def _width(self) -> int:
        return WIDTH // self.downscale

    def _imported(self, root: Path) -> Path:
        folder = folder_of(root, self.source)
        if not is_here(folder):
            raise DataError(
                f"NYUv2 in the form `{self.source}` should have been imported to {folder}. Found nothing there. Run "
                "`mtlray data import nyuv2 PATH` with the folder or file that you have; `mtlray data list` says where to get one."
            )
        return folder

    def _folder(self, root: Path) -> Path:
        folder = self._imported(root)
        if self.downscale == 1:
            return folder
        made_of = [prepared.recorded_fingerprint(folder), self.downscale]
        digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:8]
        return root / "prepared" / f"nyuv2-{self.source}-{self._height}x{self._width}-{digest}"
