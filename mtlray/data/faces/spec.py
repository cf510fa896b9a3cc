"""Faces with age and gender as data sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mtlray.checks import integer, require
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, SplitName
from mtlray.data.faces.store import OLDEST
from mtlray.data.files import prepared
from mtlray.data.files.of_size import folder_of_size, imported_of_size
from mtlray.data.holdout import (
    held_out,
    n_in_split,
    parts_in_label,
    require_val_images,
    settle_parts,
    three_splits,
)
from mtlray.errors import DataError
from mtlray.tasks.losses import age_error, cross_entropy
from mtlray.tasks.metrics import Accuracy, MeanAgeError, MedianAgeError
from mtlray.tasks.task import Task, checked_names

TASKS = ("age", "gender")


@dataclass(frozen=True)
class Faces(DatasetSpec):
    """Pictures of faces, `image_size` pixels square.

    `n_images` are the training and test pictures of the import, which prints them. `flips` mirrors each training picture half the
    time, left to right and, with "both", as often top to bottom. `age_head` is "dex" (a class for each year from 0 to 100; the
    age is the expectation) or "l1" (a number). `val_images` are held out of the training pictures, by whole subjects where they
    are known; `data_seed` draws them. Inputs are pixels divided by 255.

    Tasks: `age` (years) and `gender` (0 female, 1 male).
    """

    image_size: int = 224
    task_names: tuple[str, ...] = TASKS
    flips: Literal["none", "horizontal", "both"] = "none"
    age_head: Literal["dex", "l1"] = "dex"
    val_images: int = 0
    data_seed: int = 0
    n_images: tuple[int, int] = field(kw_only=True)

    words: ClassVar[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "task_names", checked_names(self.task_names, TASKS, "task on faces"))
        settle_parts(self)
        object.__setattr__(self, "image_size", integer("image_size", self.image_size))
        require(self.image_size >= 32, "image_size", "be at least 32", self.image_size)
        flips = ("none", "horizontal", "both")
        require(self.flips in flips, "flips", f"be one of {', '.join(flips)}", repr(self.flips))
        require(self.age_head in ("dex", "l1"), "age_head", 'be "dex" or "l1"', repr(self.age_head))
        require_val_images(self, self.n_images[0])

    @property
    def label(self) -> str:
        names = [self.key]
        if self.task_names != TASKS:
            names += self.task_names
        names.append(f"{self.image_size}px")
        if self.flips != "none":
            names.append("flips" if self.flips == "both" else self.flips)
        if self.age_head != "dex":
            names.append(self.age_head)
        return "-".join([*names, *parts_in_label(self)])

    @property
    def origin(self) -> str:
        return f"{self.words}, {sum(self.n_images):,} pictures of {self.image_size}x{self.image_size}"

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(self._task(name) for name in self.task_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, self.image_size, self.image_size)

    @property
    def evaluation_batch(self) -> int:
        return min(500, max(1, 2_000_000 // self.image_size**2))

    @property
    def augmented(self) -> bool:
        return self.flips != "none"

    def augment(
        self, inputs: Tensor, targets: Mapping[str, Tensor], random: Sequence[torch.Generator]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        for axis in (-1,) if self.flips == "horizontal" else (-1, -2):
            drawn = torch.stack([torch.rand(inputs.shape[1], generator=g) < 0.5 for g in random]).to(inputs.device)
            inputs = torch.where(drawn[:, :, None, None, None], inputs.flip(axis), inputs)
        return inputs, targets

    def n_examples(self, split: SplitName) -> int:
        return n_in_split(self, split)

    def folders(self, root: Path) -> tuple[Path, ...]:
        return (folder_of_size(root, self.key, self.image_size),)

    def prepare(self, root: Path) -> str:
        return prepared.recorded_fingerprint(self._folder(root))

    def load(self, root: Path) -> Dataset:
        folder = self._folder(root)
        arrays, mark = prepared.load(folder)
        found = tuple(len(arrays[f"{split}-ages"]) for split in ("train", "test"))
        if found != self.n_images:
            raise DataError(
                f"{type(self).__name__} should have {self.n_images[0]:,} training and {self.n_images[1]:,} test pictures. Found "
                f"{found[0]:,} and {found[1]:,} in {folder}. Write `{type(self).__name__}(n_images={found})`, or import again."
            )
        subjects = arrays["train-subjects"].numpy()
        known = subjects if (subjects >= 0).all() else np.arange(len(subjects))
        val = held_out(found[0], self.val_images, known, self.data_seed, f"{self.key} val")
        return Dataset(three_splits(val, partial(self._examples, arrays)), mark)

    def _examples(self, arrays: Mapping[str, Tensor], split: str, rows: Tensor | None) -> Examples:
        targets = {name: Column(arrays[f"{split}-{name}s"], "label") for name in self.task_names}
        return Examples(Column(arrays[f"{split}-images"], "image"), targets, rows)

    def _task(self, name: str) -> Task:
        if name == "gender":
            return Task(
                name=name, likelihood="categorical", output_shape=(2,), loss=cross_entropy, metrics=(Accuracy(),)
            )
        metrics = (MeanAgeError(), MedianAgeError())
        if self.age_head == "l1":
            return Task(name=name, likelihood="laplace", output_shape=(1,), loss=age_error, metrics=metrics)
        shape = (OLDEST + 1,)
        return Task(name=name, likelihood="categorical", output_shape=shape, loss=cross_entropy, metrics=metrics)

    def _folder(self, root: Path) -> Path:
        return imported_of_size(root, self.key, self.image_size, type(self).__name__)


@dataclass(frozen=True)
class IMDBWiki(Faces):
    """The IMDb part of IMDB-WIKI (Rothe et al. 2015): faces of actors, split by person. As `Faces`.

    The default counts are those of Gong et al. 2019; the rule by which its authors chose them is not known.
    """

    n_images: tuple[int, int] = field(kw_only=True, default=(163_202, 31_670))

    key: ClassVar[str] = "imdb_wiki"
    words: ClassVar[str] = "IMDB-WIKI, faces of imdb_crop"


@dataclass(frozen=True)
class UTKFace(Faces):
    """UTKFace (Zhang et al. 2017), aligned and cropped faces; subjects are not known. As `Faces`."""

    key: ClassVar[str] = "utkface"
    words: ClassVar[str] = "UTKFace, aligned and cropped; NOT the paper's IMDB-WIKI"
