"""Yeast: fourteen functional classes of genes, from 103 numbers each."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mtlray.checks import integer, require
from mtlray.data.base import Column, Dataset, Examples, SplitName
from mtlray.data.files import prepared
from mtlray.data.files.download import RemoteFile
from mtlray.data.holdout import held_out, three_splits
from mtlray.data.tables.published import PublishedFile, PublishedTable, folder_of, store_once
from mtlray.reading.causes import nothing_imported
from mtlray.reading.tables import read_csv
from mtlray.tasks.kinds import binary
from mtlray.tasks.metrics.yes_or_no import ROCAUC, AveragePrecision, BinaryAccuracy, BinaryF1
from mtlray.tasks.task import Task

CLASSES = tuple(f"Class{i}" for i in range(1, 15))
INPUTS = tuple(f"Att{i}" for i in range(1, 104))
SIZES = (1_500, 917)
"""The first genes of the file are for training, the others for testing, as published."""

FILE = PublishedFile(
    name="yeast.csv",
    sha256="fd17cb9b53acaaf5e82a9e0795e2667167775915c0e32c1f6fe0fadb0d3bd703",
    remote=RemoteFile(
        "yeast.csv.gz",
        ("https://raw.githubusercontent.com/online-ml/river/main/river/datasets/yeast.csv.gz",),
        840_822,
        "cb8d14ef015eca8cef037ac3b874ef32",
    ),
)


@dataclass(frozen=True)
class Yeast(PublishedTable):
    """Yeast (Elisseeff and Weston 2001): does a gene belong to each of fourteen functional classes?

    Its 103 numbers are from micro-arrays and phylogenetic profiles, standardised by the mean and standard deviation of the
    training examples. The first 1,500 genes are for training and the last 917 for testing, as published; `val_genes` are held out
    of the training ones, and `data_seed` draws them. No label is missing. Main metric: area under the ROC curve.

    >>> from mtlray import Yeast
    >>> dataset = Yeast(val_genes=300)
    >>> len(dataset.tasks), dataset.input_shape, dataset.n_examples("train")
    (14, (103,), 1200)
    """

    task_names: tuple[str, ...] = CLASSES
    val_genes: int = 0
    data_seed: int = 0

    key: ClassVar[str] = "yeast"
    all_tasks: ClassVar[tuple[str, ...]] = CLASSES
    words: ClassVar[str] = "Yeast of the MULAN library"

    def __post_init__(self) -> None:
        self._settle()
        for name in ("val_genes", "data_seed"):
            object.__setattr__(self, name, integer(name, getattr(self, name)))
        require(0 <= self.val_genes < SIZES[0], "val_genes", f"be from 0 to {SIZES[0] - 1}", self.val_genes)

    def _details(self) -> list[str]:
        details = {"val": self.val_genes, "data": self.data_seed}
        return [f"{name}{value}" for name, value in details.items() if value]

    def _about_size(self) -> str:
        return f"{sum(SIZES):,} genes"

    @property
    def tasks(self) -> tuple[Task, ...]:
        metrics = (ROCAUC(), BinaryF1(), BinaryAccuracy(), AveragePrecision())
        return tuple(binary(name, metrics=metrics) for name in self.task_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (len(INPUTS),)

    def n_examples(self, split: SplitName) -> int:
        return {"train": SIZES[0] - self.val_genes, "val": self.val_genes, "test": SIZES[1]}[split]

    def load(self, root: Path) -> Dataset:
        arrays, mark = prepared.load(self._folder(root))
        inputs = {split: arrays[f"{split}-inputs"].numpy() for split in ("train", "test")}
        n = len(inputs["train"])
        val = held_out(n, self.val_genes, np.arange(n), self.data_seed, "yeast val")
        mean, std = (getattr(inputs["train"][~val], name)(axis=0) for name in ("mean", "std"))
        standard = {
            split: torch.from_numpy(((x - mean) / np.where(std > 0, std, 1)).astype(np.float32))
            for split, x in inputs.items()
        }
        return Dataset(three_splits(val, partial(self._examples, standard, arrays)), mark)

    def _examples(
        self, inputs: Mapping[str, Tensor], arrays: Mapping[str, Tensor], split: str, rows: Tensor | None
    ) -> Examples:
        labels = arrays[f"{split}-labels"]
        targets = {name: Column(labels[:, CLASSES.index(name)], "label") for name in self.task_names}
        return Examples(Column(inputs[split], "number"), targets, rows)


def import_yeast(path: Path, root: Path) -> str:
    """Store the genes of yeast.csv below `root`; returns what was imported, in words. Raises DataError."""
    with nothing_imported():
        arrays = arrays_of(FILE.read(path), f"`{path}`")
    mark = store_once(folder_of(Yeast.key, root), arrays, {"origin": "yeast.csv"})
    n_train, n_test = (len(arrays[f"{split}-labels"]) for split in ("train", "test"))
    return (
        f"Yeast: {n_train:,} genes for training and {n_test:,} for testing, {len(CLASSES)} classes. Now in "
        f"{folder_of(Yeast.key, root)}, fingerprint {mark}. In a sweep: Yeast()."
    )


def arrays_of(content: bytes, shown: str) -> dict[str, np.ndarray]:
    """Inputs `[gene, 103]` in float64 and labels `[gene, 14]` in int8 of both parts. Raises ReadError."""
    rows = read_csv(content, shown, *INPUTS, *CLASSES)
    inputs = np.array([[row[name] for name in INPUTS] for row in rows]).astype(np.float64)
    labels = np.array([[row[name] for name in CLASSES] for row in rows]).astype(np.int8)
    parts = {"train": slice(0, SIZES[0]), "test": slice(SIZES[0], None)}
    return {f"{split}-inputs": inputs[part] for split, part in parts.items()} | {
        f"{split}-labels": labels[part] for split, part in parts.items()
    }
