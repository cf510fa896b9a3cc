"""Multi-MNIST: two digits laid over each other; classify the left one, the right one, or recover the right one's image."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from mtlray.checks import integer, require, require_choice
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, SplitName
from mtlray.data.files import prepared
from mtlray.data.multi_mnist.digits import SOURCES, Digits, Source
from mtlray.data.multi_mnist.layouts import CANVAS, DIGIT, LAYOUTS, compose, resize_nearest
from mtlray.errors import unknown_name
from mtlray.randomness import numpy_generator
from mtlray.tasks.losses import cross_entropy, squared_error
from mtlray.tasks.metrics import Accuracy, MeanSquaredError
from mtlray.tasks.task import Task, checked_names

_TASKS = ("left", "right", "reconstruct")
_TARGETS = ("placed", "centred", "picture")
_MIXED = {"fashion+mnist": ("mnist", "fashion")}
"""Sources of two collections: the left ones, and the right ones."""
_SPLITS: tuple[SplitName, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class MultiMNIST(DatasetSpec):
    """Two MNIST digits on one canvas (Sabour et al. 2017; Sener and Koltun 2018; Gong et al. 2019, section II.A).

    `source` is "mnist" (official files), "mnist5k" (5,000 digits that need no network), "fashion" (garments of Fashion-MNIST
    instead of digits) or "fashion+mnist" (a digit on the left, a garment on the right; Lin et al. 2019). `layout` is one of
    `mtlray.data.multi_mnist.layouts.LAYOUTS`. Every digit is the first member of one pair. `val_digits` source digits are
    held out of the training digits before they are paired, so that no digit is in two splits. `data_seed` draws the held-out
    digits, the partners and the offsets; the test pairs are the same for all trials. Inputs are pixels divided by 255.

    Tasks: `left` and `right` (ten classes, cross entropy) and `reconstruct` (an image in [0, 1]; squared error, mean over
    pixels, times `reconstruction_scale`). `reconstruction_target` says which image: "placed" is the right digit alone at its
    place on the canvas, "centred" the right digit alone on the 28x28 pixels that it was drawn on, and "picture" the input itself,
    with both digits.

    >>> from mtlray import MultiMNIST
    >>> dataset = MultiMNIST(source="mnist5k", task_names=("left", "right", "reconstruct"), val_digits=500)
    >>> [(task.name, task.output_shape) for task in dataset.tasks]
    [('left', (10,)), ('right', (10,)), ('reconstruct', (36, 36))]
    >>> dataset.n_examples("val")
    500
    """

    source: str = "mnist"
    layout: str = "sener"
    task_names: tuple[str, ...] = ("left", "right")
    val_digits: int = 0
    image_size: int = CANVAS
    reconstruction_scale: float = 1.0
    data_seed: int = 0
    reconstruction_target: Literal["placed", "centred", "picture"] = field(
        default="placed", metadata={"neutral": "placed"}
    )

    key: ClassVar[str] = "multi_mnist"

    def __post_init__(self) -> None:
        names = checked_names(self.task_names, _TASKS, "Multi-MNIST task")
        object.__setattr__(self, "task_names", names)
        for name in ("val_digits", "image_size", "data_seed"):
            object.__setattr__(self, name, integer(name, getattr(self, name)))
        if self.source not in {*SOURCES, *_MIXED}:
            raise unknown_name("source of Multi-MNIST digits", self.source, [*SOURCES, *_MIXED])
        if self.layout not in LAYOUTS:
            raise unknown_name("Multi-MNIST layout", self.layout, LAYOUTS)
        limit = self.collections[0].n_train - 2
        rule = f"be 0, or from 2 to {limit} of {self.source}'s training digits"
        require(self.val_digits == 0 or 2 <= self.val_digits <= limit, "val_digits", rule, self.val_digits)
        require(self.image_size in (CANVAS, 28), "image_size", "be 36 or 28", self.image_size)
        require(self.reconstruction_scale > 0, "reconstruction_scale", "be positive", self.reconstruction_scale)
        require_choice("reconstruction_target", self.reconstruction_target, _TARGETS)

    @property
    def label(self) -> str:
        names = [self.key, *self.task_names]
        if self.layout != "sener":
            names.append(self.layout)
        if self.source != "mnist":
            names.append(self._source_in_names)
        if self.val_digits:
            names.append(f"val{self.val_digits}")
        if self.image_size != CANVAS:
            names.append(f"{self.image_size}px")
        if self.reconstruction_scale != 1:
            names.append(f"scale{self.reconstruction_scale:g}")
        if self.reconstruction_target != "placed":
            names.append(self.reconstruction_target)
        if self.data_seed:
            names.append(f"data{self.data_seed}")
        return "-".join(names)

    @property
    def origin(self) -> str:
        return f"Multi-MNIST, layout {self.layout}, from {' and '.join(source.origin for source in self.collections)}"

    @property
    def collections(self) -> tuple[Source, ...]:
        """What the pairs are drawn from: one collection for both, or one for the left and one for the right."""
        return tuple(SOURCES[name] for name in _MIXED.get(self.source, (self.source,)))

    @property
    def _source_in_names(self) -> str:
        """The source in names of folders, without a sign that has a meaning in addresses."""
        return self.source.replace("+", "_and_")

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(self._task(name) for name in self.task_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (1, self.image_size, self.image_size)

    def n_examples(self, split: SplitName) -> int:
        source = self.collections[0]
        return {"train": source.n_train - self.val_digits, "val": self.val_digits, "test": source.n_test}[split]

    def folders(self, root: Path) -> tuple[Path, ...]:
        return (self._folder(root),)

    def prepare(self, root: Path) -> str:
        return prepared.prepare(self._folder(root), lambda: self._make(root))

    def load(self, root: Path) -> Dataset:
        return self._dataset(*prepared.load(self._folder(root)))

    def unstored(self, root: Path) -> Dataset:
        """As `load`, from arrays that are made of the source's files below `root` and not kept. Raises DataError."""
        made = self._make(root)
        return self._dataset(
            {name: torch.from_numpy(array) for name, array in made.items()}, prepared.fingerprint(made)
        )

    def _dataset(self, arrays: Mapping[str, Tensor], mark: str) -> Dataset:
        splits: dict[str, Examples] = {}
        for split in _SPLITS:
            images = arrays[f"{split}-images"].unsqueeze(1)
            targets = {
                "left": Column(arrays[f"{split}-labels"][:, 0], "label"),
                "right": Column(arrays[f"{split}-labels"][:, 1], "label"),
                "reconstruct": Column(arrays[f"{split}-{self._image_to_recover}"], "image"),
            }
            splits[split] = Examples(Column(images, "image"), {name: targets[name] for name in self.task_names})
        return Dataset(splits, mark)

    def _task(self, name: str) -> Task:
        if name == "reconstruct":
            scale = self.reconstruction_scale
            size = DIGIT if self.reconstruction_target == "centred" else self.image_size
            return Task(
                name=name,
                likelihood="gaussian",
                output_shape=(size, size),
                loss=lambda prediction, target: scale * squared_error(prediction, target),
                metrics=(MeanSquaredError(),),
            )
        return Task(name=name, likelihood="categorical", output_shape=(10,), loss=cross_entropy, metrics=(Accuracy(),))

    @property
    def _image_to_recover(self) -> str:
        """The array that is the target of `reconstruct`."""
        return "images" if self.reconstruction_target == "picture" else "right"

    def _folder(self, root: Path) -> Path:
        """One folder for each set of arrays; the tasks and their scale do not change the arrays."""
        made_of = [self.source, self.layout, self.val_digits, self.image_size, self.data_seed]
        if self.reconstruction_target == "centred":
            made_of.append(self.reconstruction_target)
        digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:8]
        return root / "prepared" / f"{self.key}-{self.layout}-{self._source_in_names}-{digest}"

    def _make(self, root: Path) -> dict[str, np.ndarray]:
        of_split = [
            self._read(source, root, purpose)
            for source, purpose in zip(self.collections, ("multi_mnist val", "multi_mnist val right"), strict=False)
        ]
        digits, others = of_split[0], of_split[1] if len(of_split) > 1 else None
        arrays: dict[str, np.ndarray] = {}
        for split in _SPLITS:
            rng = numpy_generator(self.data_seed, f"multi_mnist {split}")
            pairs = compose(LAYOUTS[self.layout], digits[split], rng, None if others is None else others[split])
            images, right = pairs.images, pairs.right
            if self.image_size != CANVAS:
                images, right = (resize_nearest(array, self.image_size) for array in (images, right))
            if self.reconstruction_target == "centred":
                right = (others or digits)[split].images[pairs.right_index]
            arrays |= {f"{split}-images": images, f"{split}-right": right, f"{split}-labels": pairs.labels}
        return arrays

    def _read(self, source: Source, root: Path, purpose: str) -> dict[SplitName, Digits]:
        """The digits of each split; `purpose` names the draw of those that are held out. Raises DataError."""
        train, test = source.read(root)
        order = numpy_generator(self.data_seed, purpose).permutation(len(train))
        return {
            "val": train.take(np.sort(order[: self.val_digits])),
            "train": train.take(np.sort(order[self.val_digits :])),
            "test": test,
        }
