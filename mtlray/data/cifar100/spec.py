"""CIFAR-100 as a data set whose tasks share their pictures: classes, superclasses, and tasks derived from the pictures."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mtlray.data.base import Column, Dataset, Examples, SplitName
from mtlray.data.cifar100.alterations import JITTERED, UPSIDE_DOWN, alteration_of, quarter_of
from mtlray.data.cifar100.archive import N_FINE, SUPERCLASSES
from mtlray.data.cifar100.pictures import Pictures
from mtlray.data.cifar100.store import altered_folder, arrays_of, imported, prepare_altered
from mtlray.data.files import prepared
from mtlray.data.holdout import held_out, n_in_split, require_val_images, three_splits
from mtlray.tasks.kinds import binary, classification
from mtlray.tasks.task import Task

_CLASSES = {"fine": N_FINE, "coarse": len(SUPERCLASSES), "alteration": 3, "random_4": 4}
_OF_ALTERED = ("upside_down", "colour_jitter", "alteration")
TASKS = ("fine", "coarse", *_OF_ALTERED, "random_4")


@dataclass(frozen=True)
class CIFAR100(Pictures):
    """CIFAR-100 (Krizhevsky 2009): pictures of 32x32 pixels of a hundred classes in twenty superclasses.

    Tasks: `fine` (100 classes) and `coarse` (20), and on request those of the public code of Huq and Pervin (aminul-huq/MTL):

    | task | is asked | single-task accuracy there |
    |---|---|---|
    | `upside_down` | whether a picture is upside down | 78.89 % |
    | `colour_jitter` | whether its colours are jittered | 90.87 % |
    | `alteration` | which of the two, or neither: three classes | 78.31 % |
    | `random_4` | in which quarter of its 500 pictures (for testing: 100) of the archive it lies | 25.32 % |

    With one of the first three, every third picture in the order of the archive is jittered and every third upside down, in all
    splits. Their code has a data set for each task, the first two with half of the pictures changed, and jitters a picture anew
    each time; here all four can be asked of one picture, and a picture is jittered once. No picture says what `random_4` asks,
    which shows what a strategy does with a hopeless task.

    `val_images` are held out of the training pictures at random; `data_seed` draws them. Other fields and inputs are those of
    `CIFAR100BySuperclass`: `augment_training` shifts and mirrors.

    >>> from mtlray import CIFAR100
    >>> dataset = CIFAR100(val_images=5000)
    >>> [(task.name, task.output_shape) for task in dataset.tasks], dataset.n_examples("train")
    ([('fine', (100,)), ('coarse', (20,))], 45000)
    """

    task_names: tuple[str, ...] = ("fine", "coarse")

    key: ClassVar[str] = "cifar100"
    all_tasks: ClassVar[tuple[str, ...]] = TASKS
    default_tasks: ClassVar[tuple[str, ...]] = ("fine", "coarse")
    what: ClassVar[str] = "task of CIFAR100"

    def __post_init__(self) -> None:
        self._settle()
        require_val_images(self, self.n_images[0])

    def _about_pictures(self) -> str:
        return ", every third jittered and every third upside down" if self._is_altered else ""

    @property
    def _is_altered(self) -> bool:
        return not set(_OF_ALTERED).isdisjoint(self.task_names)

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(
            classification(name, classes=_CLASSES[name]) if name in _CLASSES else binary(name)
            for name in self.task_names
        )

    def n_examples(self, split: SplitName) -> int:
        return n_in_split(self, split)

    def prepare(self, root: Path) -> str:
        return prepare_altered(root) if self._is_altered else prepared.recorded_fingerprint(imported(root))

    def load(self, root: Path) -> Dataset:
        arrays, mark = arrays_of(self.n_images, altered_folder(root) if self._is_altered else imported(root))
        n = self.n_images[0]
        val = held_out(n, self.val_images, np.arange(n), self.data_seed, "cifar100 val")
        return Dataset(three_splits(val, partial(self._examples, arrays)), mark)

    def _examples(self, arrays: dict[str, Tensor], part: str, rows: Tensor | None) -> Examples:
        n = len(arrays[f"{part}-fine"])
        alteration = alteration_of(n)
        derived = {
            "upside_down": (alteration == UPSIDE_DOWN).to(torch.int8),
            "colour_jitter": (alteration == JITTERED).to(torch.int8),
            "alteration": alteration,
            "random_4": quarter_of(n, part),
        }
        targets = {
            name: Column(derived[name] if name in derived else arrays[f"{part}-{name}"], "label")
            for name in self.task_names
        }
        return Examples(Column(arrays[f"{part}-images"], "image"), targets, rows)
