"""CIFAR-100 as twenty tasks of five classes, each with pictures of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mtlray.checks import require
from mtlray.data.base import Column, Dataset, Examples, SplitName
from mtlray.data.cifar100.archive import SUPERCLASSES
from mtlray.data.cifar100.pictures import Pictures
from mtlray.data.cifar100.store import arrays_of, imported
from mtlray.data.files import prepared
from mtlray.data.holdout import held_out, require_val_images
from mtlray.tasks.kinds import classification
from mtlray.tasks.task import Task

_N_CLASSES = 5
_NO_LABEL = -1


@dataclass(frozen=True)
class CIFAR100BySuperclass(Pictures):
    """CIFAR-100 (Krizhevsky 2009) as twenty tasks: each tells the five classes of its superclass apart, in pictures of its own.

    A step takes `batch_size` pictures of each task, as in Auto-Lambda (Liu et al. 2022, whose network is VGG16 and whose training
    pictures are shifted and mirrored). Each task has 2,500 pictures for training and 500 for testing; `val_images` of each task's
    are held out of the former at random, and `data_seed` draws them. Classes are numbered in the order of the archive.

    Pictures are read as pixels divided by 255. `augment_training` shifts each training picture by up to four pixels, with black
    beyond its edge, and mirrors it half the time, left to right. `n_images` are the training and test pictures of all twenty
    superclasses, which differ from the default for a part of the data set only.

    >>> from mtlray import CIFAR100BySuperclass
    >>> dataset = CIFAR100BySuperclass(task_names=("fish", "people"), val_images=250)
    >>> [(task.name, task.output_shape) for task in dataset.tasks], dataset.own_examples
    ([('fish', (5,)), ('people', (5,))], {'fish': 2250, 'people': 2250})
    """

    task_names: tuple[str, ...] = SUPERCLASSES

    key: ClassVar[str] = "cifar100_by_superclass"
    all_tasks: ClassVar[tuple[str, ...]] = SUPERCLASSES
    default_tasks: ClassVar[tuple[str, ...]] = SUPERCLASSES
    what: ClassVar[str] = "superclass of CIFAR-100"

    def __post_init__(self) -> None:
        self._settle()
        n = len(SUPERCLASSES)
        require(not any(count % n for count in self.n_images), "n_images", f"be multiples of {n}", self.n_images)
        require_val_images(self, self.n_images[0] // n)

    def _about_pictures(self) -> str:
        return ", by superclass"

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(classification(name, classes=_N_CLASSES) for name in self.task_names)

    @property
    def own_examples(self) -> Mapping[str, int]:
        return {name: self._of_each("train") for name in self.task_names}

    def n_examples(self, split: SplitName) -> int:
        return len(self.task_names) * self._of_each(split)

    def _of_each(self, split: SplitName) -> int:
        n_train, n_test = (count // len(SUPERCLASSES) for count in self.n_images)
        return {"train": n_train - self.val_images, "val": self.val_images, "test": n_test}[split]

    def prepare(self, root: Path) -> str:
        return prepared.recorded_fingerprint(imported(root))

    def load(self, root: Path) -> Dataset:
        arrays, mark = arrays_of(self.n_images, imported(root))
        train, test = (self._rows_of(arrays[f"{part}-coarse"]) for part in ("train", "test"))
        val = [
            rows[held_out(len(rows), self.val_images, np.arange(len(rows)), self.data_seed, f"cifar100 val {name}")]
            for name, rows in train.items()
        ]
        held = np.sort(np.concatenate(val))
        rest = np.setdiff1d(np.concatenate(list(train.values())), held)
        splits = {
            "train": _examples(arrays, "train", self.task_names, rest),
            "val": _examples(arrays, "train", self.task_names, held),
            "test": _examples(arrays, "test", self.task_names, np.sort(np.concatenate(list(test.values())))),
        }
        return Dataset(splits, mark)

    def _rows_of(self, coarse: Tensor) -> dict[str, np.ndarray]:
        """The pictures of each task."""
        return {name: np.flatnonzero(coarse.numpy() == SUPERCLASSES.index(name)) for name in self.task_names}


def _examples(arrays: Mapping[str, Tensor], part: str, tasks: tuple[str, ...], rows: np.ndarray) -> Examples:
    fine, coarse = (arrays[f"{part}-{name}"].numpy() for name in ("fine", "coarse"))
    targets = {}
    for name in tasks:
        own = coarse == SUPERCLASSES.index(name)
        labels = np.full(len(fine), _NO_LABEL, np.int8)
        labels[own] = np.unique(fine[own], return_inverse=True)[1]
        targets[name] = Column(torch.from_numpy(labels), "label")
    return Examples(Column(arrays[f"{part}-images"], "image"), targets, torch.from_numpy(rows))
