"""CLINC150: sentences to an assistant, with their domain, their intent, and whether they are in its scope at all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from mtlray.axes import TokenShape
from mtlray.data.arrays import text
from mtlray.data.base import Column, Dataset, Examples, SplitName
from mtlray.data.files import prepared
from mtlray.data.files.download import RemoteFile
from mtlray.data.tables.published import PublishedFile, PublishedTable, folder_of, store_once
from mtlray.reading.causes import Cause, ReadError, guarded, nothing_imported
from mtlray.reading.tables import read_json
from mtlray.tasks.kinds import binary, classification
from mtlray.tasks.metrics.yes_or_no import ROCAUC, AveragePrecision, BinaryAccuracy, BinaryBalancedAccuracy
from mtlray.tasks.task import Task

TASKS = ("domain", "intent", "in_scope")
SIZES: Mapping[SplitName, int] = {"train": 15_100, "val": 3_100, "test": 5_500}
LENGTH = 30
N_WORDS = 5_194
"""How many different words the sentences for training have."""
NO_LABEL = -1

_PARTS: Mapping[SplitName, tuple[str, str]] = {
    "train": ("train", "oos_train"),
    "val": ("val", "oos_val"),
    "test": ("test", "oos_test"),
}
_ADDRESS = "https://raw.githubusercontent.com/clinc/oos-eval/master/data"

SENTENCES = PublishedFile(
    name="data_full.json",
    sha256="36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
    remote=RemoteFile("data_full.json", (f"{_ADDRESS}/data_full.json",), 2_495_390, "30c29dc6ab78edf3b5dfa640be204cde"),
)
DOMAINS = PublishedFile(
    name="domains.json",
    sha256="b947b579d3b8e74b06f93b01083d8efaff2888b43a3e362533bd88a6e1211b3a",
    remote=RemoteFile("domains.json", (f"{_ADDRESS}/domains.json",), 3_818, "9beee9d0f36e07e914c1e3a626bdcb4a"),
)


@dataclass(frozen=True)
class CLINC150(PublishedTable):
    """CLINC150 (Larson et al. 2019): English sentences to an assistant, at most 30 words long.

    Tasks: `domain` (10 classes), `intent` (150 classes, 15 a domain) and `in_scope` (yes or no). Sentences out of scope, 100 for
    training, 100 for validation and 1,000 for testing, have no domain and no intent. The parts are the published ones.

    A sentence is cut, in lower case, into runs of letters and digits and single other signs. The vocabulary has the 5,194 of the
    sentences for training, those out of scope included, the most frequent first; any other one is unknown. `vocabulary` reads it.

    >>> from mtlray import CLINC150
    >>> dataset = CLINC150()
    >>> [(task.name, task.output_shape) for task in dataset.tasks], dataset.input_shape.vocabulary
    ([('domain', (10,)), ('intent', (150,)), ('in_scope', (1,))], 5196)
    """

    task_names: tuple[str, ...] = TASKS

    key: ClassVar[str] = "clinc150"
    all_tasks: ClassVar[tuple[str, ...]] = TASKS
    words: ClassVar[str] = "CLINC150, data_full"

    def __post_init__(self) -> None:
        self._settle()

    def _about_size(self) -> str:
        return f"{sum(SIZES.values()):,} sentences, vocabulary of the training part"

    @property
    def tasks(self) -> tuple[Task, ...]:
        return tuple(_task(name) for name in self.task_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return TokenShape(LENGTH, text.FIRST + N_WORDS)

    def n_examples(self, split: SplitName) -> int:
        return SIZES[split]

    def load(self, root: Path) -> Dataset:
        arrays, mark = prepared.load(self._folder(root))
        return Dataset({split: self._examples(arrays, split) for split in SIZES}, mark)

    def vocabulary(self, root: Path) -> tuple[str, ...]:
        """The words of the training part, the most frequent first, below a data folder. Raises DataError."""
        array = prepared.load(self._folder(root))[0]["vocabulary"].numpy()
        return tuple(array.tobytes().decode().split("\n"))

    def _examples(self, arrays: Mapping[str, Tensor], split: str) -> Examples:
        targets = {name: Column(arrays[f"{split}-{name}"], "label") for name in self.task_names}
        return Examples(Column(arrays[f"{split}-tokens"], "token"), targets)


def _task(name: str) -> Task:
    if name == "in_scope":
        # Most sentences are in scope: the share of right answers says little.
        metrics = (ROCAUC(), BinaryBalancedAccuracy(), BinaryAccuracy(), AveragePrecision())
        return binary(name, metrics=metrics)
    return classification(name, classes=10 if name == "domain" else 150)


def import_clinc150(path: Path, root: Path) -> str:
    """Store the sentences of data_full.json and domains.json below `root`; returns what was imported. Raises DataError.

    `path` is the folder that holds both files, or data_full.json beside domains.json.
    """
    folder = path if path.is_dir() else path.parent
    with nothing_imported():
        sentences = read_json(SENTENCES.read(path), f"`{path}`")
        domains = read_json(DOMAINS.read(folder), f"`{folder / DOMAINS.name}`")
        arrays, about = arrays_of(sentences, domains)
    mark = store_once(folder_of(CLINC150.key, root), arrays, about)
    sizes = ", ".join(f"{len(arrays[f'{split}-intent']):,} for {split}" for split in SIZES)
    return (
        f"CLINC150: {sizes}; a vocabulary of {about['words']} words. Now in {folder_of(CLINC150.key, root)}, "
        f"fingerprint {mark}. In a sweep: CLINC150()."
    )


def arrays_of(
    sentences: Mapping[str, Any], domains: Mapping[str, Sequence[str]]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tokens `[sentence, position]` and labels of each part, and the names of the classes in their order. Raises ReadError.

    Domains are numbered as in domains.json, intents as they follow each other there.
    """
    intents = [intent for of_domain in domains.values() for intent in of_domain]
    domain_of = {intent: i for i, of_domain in enumerate(domains.values()) for intent in of_domain}
    cut, labels = {}, {}
    for split, (inside, outside) in _PARTS.items():
        with guarded(f"`{SENTENCES.name}`", "lists of sentences with their intents"):
            pairs = [*sentences[inside], *sentences[outside]]
            texts = np.array([sentence for sentence, _ in pairs], dtype=object)
            names = [intent for _, intent in sentences[inside]]
        unknown = sorted(set(names) - set(intents))
        if unknown:
            raise ReadError(
                f"`{SENTENCES.name}`", f"of intents that `{DOMAINS.name}` has", unknown[0], Cause.UNKNOWN_KIND
            )
        cut[split] = text.cut(texts, "words", "sentence")
        none = [NO_LABEL] * len(sentences[outside])
        numbers = {name: i for i, name in enumerate(intents)}
        labels[f"{split}-intent"] = np.array([numbers[name] for name in names] + none, np.int16)
        labels[f"{split}-domain"] = np.array([domain_of[name] for name in names] + none, np.int16)
        labels[f"{split}-in_scope"] = np.array([1] * len(names) + [0] * len(none), np.int16)
    vocabulary = text.vocabulary_of(cut["train"], None)
    tokens = {f"{split}-tokens": text.numbered(of_split, vocabulary, LENGTH) for split, of_split in cut.items()}
    words = np.frombuffer("\n".join(map(str, vocabulary)).encode(), np.uint8)
    about = {
        "origin": SENTENCES.name,
        "words": f"{len(vocabulary):,}",
        "domain": json.dumps(list(domains)),
        "intent": json.dumps(intents),
    }
    return {**tokens, **labels, "vocabulary": words}, about
