"""Tox21: twelve assays of molecules, read character by character from their SMILES; most molecules lack some labels."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mtlray.axes import TokenShape
from mtlray.checks import integer, require
from mtlray.data.arrays import splitting
from mtlray.data.arrays.text import FIRST, PADDING, UNKNOWN
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

ASSAYS = (
    *("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma"),
    *("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"),
)
SIZES = (6_411, 1_603)
LONGEST = 342
N_CHARACTERS = 55
"""How many different characters the SMILES of the file have."""

FILE = PublishedFile(
    name="tox21.csv",
    sha256="1689278aa402ef8da840be1126c547253338d390cc8526714910a3b2a39fa1c9",
    remote=RemoteFile(
        "tox21.csv.gz",
        ("https://raw.githubusercontent.com/deepchem/deepchem/master/datasets/tox21.csv.gz",),
        125_310,
        "452fad61c28b0a18c1d97931d754bc4a",
    ),
)


@dataclass(frozen=True)
class Tox21(PublishedTable):
    """Tox21 as DeepChem has it (Wu et al. 2018): is a molecule active in each of twelve assays? Labels are missing.

    Inputs are the characters of a molecule's SMILES, cut after `max_length`. The vocabulary has the characters of the training
    examples, the most frequent first; any other one is unknown. There is no published split: 1,603 of 8,014 molecules, drawn
    once for all, are for testing, and `val_molecules` are held out of the others by `data_seed`; the 183 molecules that occur
    twice are in one split. (Papers that split by scaffold have lower values.) Main metric: area under the ROC curve.

    >>> from mtlray import Tox21
    >>> dataset = Tox21(task_names=("NR-AR", "SR-p53"), val_molecules=800)
    >>> dataset.input_shape, dataset.n_examples("train")
    ((100,), 5611)
    """

    task_names: tuple[str, ...] = ASSAYS
    max_length: int = 100
    val_molecules: int = 0
    data_seed: int = 0

    key: ClassVar[str] = "tox21"
    all_tasks: ClassVar[tuple[str, ...]] = ASSAYS
    words: ClassVar[str] = "Tox21 as DeepChem has it, split at random"

    def __post_init__(self) -> None:
        self._settle()
        for name in ("max_length", "val_molecules", "data_seed"):
            object.__setattr__(self, name, integer(name, getattr(self, name)))
        require(1 <= self.max_length <= LONGEST, "max_length", f"be from 1 to {LONGEST}", self.max_length)
        rule = f"be from 0 to {SIZES[0] - 1}"
        require(0 <= self.val_molecules < SIZES[0], "val_molecules", rule, self.val_molecules)

    def _details(self) -> list[str]:
        details = {"length": (self.max_length, 100), "val": (self.val_molecules, 0), "data": (self.data_seed, 0)}
        return [f"{name}{value}" for name, (value, usual) in details.items() if value != usual]

    def _about_size(self) -> str:
        return f"{sum(SIZES):,} molecules, their first {self.max_length} characters"

    @property
    def tasks(self) -> tuple[Task, ...]:
        metrics = (ROCAUC(), AveragePrecision(), BinaryF1(), BinaryAccuracy())
        return tuple(binary(name, metrics=metrics) for name in self.task_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return TokenShape(self.max_length, FIRST + N_CHARACTERS)

    def n_examples(self, split: SplitName) -> int:
        n_train, n_test = SIZES
        return {"train": n_train - self.val_molecules, "val": self.val_molecules, "test": n_test}[split]

    def vocabulary(self, root: Path) -> tuple[str, ...]:
        """The characters of the training part, the most frequent first, below a data folder. Raises DataError."""
        arrays = prepared.load(self._folder(root))[0]
        numbers = numbers_of(self._codes(arrays, "train")[~self._held_out(arrays)])
        codes = np.flatnonzero(numbers >= FIRST)
        return tuple(chr(code) for code in codes[np.argsort(numbers[codes])])

    def load(self, root: Path) -> Dataset:
        arrays, mark = prepared.load(self._folder(root))
        codes = {split: self._codes(arrays, split) for split in ("train", "test")}
        val = self._held_out(arrays)
        numbers = numbers_of(codes["train"][~val])
        tokens = {split: torch.from_numpy(numbers[of_split]) for split, of_split in codes.items()}
        return Dataset(three_splits(val, partial(self._examples, tokens, arrays)), mark)

    def _codes(self, arrays: Mapping[str, Tensor], split: str) -> np.ndarray:
        return arrays[f"{split}-codes"].numpy()[:, : self.max_length]

    def _held_out(self, arrays: Mapping[str, Tensor]) -> np.ndarray:
        groups = arrays["train-groups"].numpy()
        return held_out(len(groups), self.val_molecules, groups, self.data_seed, "tox21 val")

    def _examples(
        self, tokens: Mapping[str, Tensor], arrays: Mapping[str, Tensor], split: str, rows: Tensor | None
    ) -> Examples:
        labels = arrays[f"{split}-labels"]
        targets = {name: Column(labels[:, ASSAYS.index(name)], "label") for name in self.task_names}
        return Examples(Column(tokens[split], "token"), targets, rows)


def numbers_of(codes: np.ndarray) -> np.ndarray:
    """The token of each of 256 codes, `[256]` in uint8: the most frequent of `codes` first, others unknown, 0 padding."""
    counts = Counter(dict(enumerate(np.bincount(codes.ravel(), minlength=256).tolist())))
    del counts[0]
    present = sorted((code for code, n in counts.items() if n), key=lambda code: (-counts[code], code))
    numbers = np.full(256, UNKNOWN, np.uint8)
    numbers[0] = PADDING
    numbers[present] = FIRST + np.arange(len(present))
    return numbers


def import_tox21(path: Path, root: Path) -> str:
    """Store the molecules of tox21.csv below `root`; returns what was imported, in words. Raises DataError."""
    with nothing_imported():
        arrays = arrays_of(FILE.read(path), f"`{path}`")
    mark = store_once(folder_of(Tox21.key, root), arrays, {"origin": "tox21.csv"})
    n_train, n_test = (len(arrays[f"{split}-labels"]) for split in ("train", "test"))
    missing = np.concatenate([arrays["train-labels"], arrays["test-labels"]]) < 0
    return (
        f"Tox21: {n_train:,} molecules for training and {n_test:,} for testing, {len(ASSAYS)} assays, {missing.mean():.0%} of "
        f"the labels missing. Now in {folder_of(Tox21.key, root)}, fingerprint {mark}. In a sweep: Tox21()."
    )


def arrays_of(content: bytes, shown: str) -> dict[str, np.ndarray]:
    """Codes of characters `[molecule, position]` in uint8, 0 after the last; labels `[molecule, 12]` in int8, -1 for none.

    And the number of each molecule's SMILES, equal for equal ones. Raises ReadError.
    """
    rows = read_csv(content, shown, "smiles", *ASSAYS)
    texts = [row["smiles"] for row in rows]
    codes = np.array(texts, "S").view(np.uint8).reshape(len(texts), -1)
    labels = np.array([[row[name] or "-1" for name in ASSAYS] for row in rows]).astype(np.int8)
    groups = np.unique(np.array(texts), return_inverse=True)[1].astype(np.int32)
    drawn = splitting.at_random(len(texts), 0, 0.2, groups, 0)
    arrays: dict[str, np.ndarray] = {}
    for split in ("train", "test"):
        rows_of = drawn[split]
        arrays |= {
            f"{split}-codes": codes[rows_of],
            f"{split}-labels": labels[rows_of],
            f"{split}-groups": groups[rows_of],
        }
    return arrays
