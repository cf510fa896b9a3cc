"""CelebA as a data set: forty questions about a face."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from mtlray.checks import integer, require
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, SplitName
from mtlray.data.celeba.lists import ATTRIBUTES
from mtlray.data.files import prepared
from mtlray.data.files.of_size import folder_of_size, imported_of_size
from mtlray.errors import DataError
from mtlray.tasks.kinds import binary
from mtlray.tasks.metrics.yes_or_no import BinaryAccuracy, BinaryBalancedAccuracy, BinaryF1
from mtlray.tasks.task import Task, checked_names, names_in_label

_SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class CelebA(DatasetSpec):
    """CelebA (Liu et al. 2015): pictures of faces, aligned and cropped, and forty attributes with a yes or no each.

    Pictures are `image_size` pixels square; inputs are pixels divided by 255. The parts are the official ones. `n_images` are the
    pictures of the three parts, which differ from the default for a part of the data set only. Main metric: F1 of the yes, the
    one that the tables of Nash-MTL, FAMO and FairGrad are about.

    >>> from mtlray import CelebA
    >>> dataset = CelebA()
    >>> len(dataset.tasks), dataset.input_shape, dataset.n_examples("test")
    (40, (3, 64, 64), 19962)
    """

    image_size: int = 64
    task_names: tuple[str, ...] = ATTRIBUTES
    n_images: tuple[int, int, int] = field(kw_only=True, default=(162_770, 19_867, 19_962))

    key: ClassVar[str] = "celeba"

    def __post_init__(self) -> None:
        object.__setattr__(self, "task_names", checked_names(self.task_names, ATTRIBUTES, "attribute of CelebA"))
        object.__setattr__(self, "image_size", integer("image_size", self.image_size))
        require(self.image_size >= 32, "image_size", "be at least 32", self.image_size)
        counts = tuple(integer("n_images", n, "hold three integers") for n in self.n_images)
        object.__setattr__(self, "n_images", counts)
        require(len(counts) == 3 and min(counts) >= 1, "n_images", "be three counts", counts)

    @property
    def label(self) -> str:
        names = [self.key]
        if self.task_names != ATTRIBUTES:
            names += names_in_label(self.task_names, ATTRIBUTES)
        names.append(f"{self.image_size}px")
        if self.n_images != (162_770, 19_867, 19_962):
            names.append("+".join(map(str, self.n_images)))
        return "-".join(names)

    @property
    def origin(self) -> str:
        return f"CelebA, aligned and cropped, {sum(self.n_images):,} pictures of {self.image_size}x{self.image_size}"

    @property
    def tasks(self) -> tuple[Task, ...]:
        metrics = (BinaryF1(), BinaryAccuracy(), BinaryBalancedAccuracy())
        return tuple(binary(name, metrics=metrics) for name in self.task_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, self.image_size, self.image_size)

    def n_examples(self, split: SplitName) -> int:
        return self.n_images[_SPLITS.index(split)]

    def folders(self, root: Path) -> tuple[Path, ...]:
        return (folder_of_size(root, self.key, self.image_size),)

    def prepare(self, root: Path) -> str:
        return prepared.recorded_fingerprint(self._folder(root))

    def load(self, root: Path) -> Dataset:
        folder = self._folder(root)
        arrays, mark = prepared.load(folder)
        found = tuple(len(arrays[f"{split}-labels"]) for split in _SPLITS)
        if found != self.n_images:
            raise DataError(
                f"CelebA should have {', '.join(f'{n:,}' for n in self.n_images)} pictures for train, val and test. Found "
                f"{', '.join(f'{n:,}' for n in found)} in {folder}. Write `CelebA(n_images={found})`, or import again."
            )
        splits: dict[str, Examples] = {}
        for split in _SPLITS:
            labels = arrays[f"{split}-labels"]
            targets = {name: Column(labels[:, ATTRIBUTES.index(name)], "label") for name in self.task_names}
            splits[split] = Examples(Column(arrays[f"{split}-images"], "image"), targets)
        return Dataset(splits, mark)

    def _folder(self, root: Path) -> Path:
        return imported_of_size(root, self.key, self.image_size, "CelebA")
