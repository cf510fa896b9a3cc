"""The conformance suite of data sets catches what it is there to catch."""

import inspect
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from mtlray import Column, Dataset, DatasetSpec, Examples, TokenShape, binary, prepared
from mtlray.errors import MtlrayError
from mtlray.testing import DatasetConformance

SIZES = {"train": 6, "val": 0, "test": 3}


@dataclass(frozen=True)
class Right(DatasetSpec):
    """Nine rows of two numbers, to be spoiled by subclasses."""

    number: int = 1

    key: ClassVar[str] = "right"
    kind: ClassVar[str] = "number"
    of_labels: ClassVar[str] = "label"
    origin: ClassVar[str] = "made here"
    tasks: ClassVar[tuple] = (binary("big"),)
    input_shape: ClassVar[tuple] = (2,)

    @property
    def label(self):
        return f"{self.key}-{self.number}"

    def n_examples(self, split):
        return SIZES[split]

    def make(self):
        arrays = {}
        for split, n in SIZES.items():
            arrays[f"{split}-x"] = np.arange(2.0 * n, dtype=np.float32).reshape(n, 2)
            arrays[f"{split}-big"] = np.arange(n) % 2
        return arrays

    def prepare(self, root):
        return prepared.prepare(root / "rows" / type(self).__name__, self.make)

    def load(self, root):
        arrays, mark = prepared.load(root / "rows" / type(self).__name__)
        return Dataset(
            {
                split: Examples(
                    Column(arrays[f"{split}-x"], self.kind), {"big": Column(arrays[f"{split}-big"], self.of_labels)}
                )
                for split in SIZES
            },
            mark,
        )


class NotADataclass(Right):
    pass


@dataclass(frozen=True)
class OneLabel(Right):
    label = "one"


@dataclass(frozen=True)
class NoOrigin(Right):
    origin = ""


@dataclass(frozen=True)
class TwiceTheTask(Right):
    tasks = (binary("big"), binary("big"))


@dataclass(frozen=True)
class StaysHere(Right):
    def __reduce__(self):
        return Right, (self.number,)


@dataclass(frozen=True)
class AtRandom(Right):
    def make(self):
        return super().make() | {"noise": np.random.default_rng().random(3)}


@dataclass(frozen=True)
class OtherSizes(Right):
    def n_examples(self, split):
        return 7


@dataclass(frozen=True)
class OtherShape(Right):
    input_shape = (3,)


@dataclass(frozen=True)
class NotFinite(Right):
    def make(self):
        return {name: array / 0 if name == "train-x" else array for name, array in super().make().items()}


@dataclass(frozen=True)
class NoTokens(Right):
    input_shape = TokenShape(2, vocabulary=99)


@dataclass(frozen=True)
class Tokens(Right):
    kind = "token"
    input_shape = TokenShape(2, vocabulary=5)

    def make(self):
        return {name: array.astype(np.int16) for name, array in super().make().items()}


@dataclass(frozen=True)
class PaddingFirst(Tokens):
    input_shape = TokenShape(2, vocabulary=99)


@dataclass(frozen=True)
class ClassOutOfRange(Right):
    def make(self):
        return {name: array + 5 if name == "test-big" else array for name, array in super().make().items()}


@dataclass(frozen=True)
class NumbersForClasses(Right):
    of_labels = "number"


@dataclass(frozen=True)
class Augments(Right):
    augmented = True

    def augment(self, inputs, targets, random):
        return inputs + torch.rand(inputs.shape[1], generator=random[0])[:, None], targets


@dataclass(frozen=True)
class DrawsElsewhere(Augments):
    def augment(self, inputs, targets, random):
        return inputs + torch.rand(inputs.shape[1])[:, None], targets


@dataclass(frozen=True)
class ChangesNothing(Augments):
    def augment(self, inputs, targets, random):
        return inputs, targets


SPOILED = [
    (NotADataclass(), "test_settings_are_frozen"),
    (StaysHere(), "test_travels_to_workers"),
    (AtRandom(), "test_prepares_the_same_arrays_each_time"),
    (OtherSizes(), "test_sizes_are_known_without_the_data"),
    (OtherShape(), "test_inputs_are_as_declared"),
    (NotFinite(), "test_inputs_are_as_declared"),
    (NoTokens(), "test_inputs_are_as_declared"),
    (Tokens(), "test_inputs_are_as_declared"),
    (PaddingFirst(), "test_inputs_are_as_declared"),
    (ClassOutOfRange(), "test_targets_fit_their_tasks"),
    (NumbersForClasses(), "test_targets_fit_their_tasks"),
    (DrawsElsewhere(), "test_augmentation_draws_from_its_generators_alone"),
    (ChangesNothing(), "test_augmentation_draws_from_its_generators_alone"),
]


def suite(*datasets):
    return type("Case", (DatasetConformance,), {"datasets": datasets})()


def call(check, dataset, factory):
    method = getattr(suite(dataset), check)
    arguments = {"dataset": dataset, "tmp_path_factory": factory}
    method(**{name: arguments[name] for name in inspect.signature(method).parameters})


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize(("dataset", "check"), SPOILED, ids=[f"{type(d).__name__}-{check}" for d, check in SPOILED])
def test_catches(dataset, check, tmp_path_factory):
    with pytest.raises((AssertionError, MtlrayError)):
        call(check, dataset, tmp_path_factory)


@pytest.mark.parametrize("check", [name for name in vars(DatasetConformance) if name.startswith("test_")])
def test_passes_what_is_right(check, tmp_path_factory):
    for dataset in (Right(), Augments()):
        call(check, dataset, tmp_path_factory)


@pytest.mark.parametrize(
    ("datasets", "match"),
    [
        ((OneLabel(), OneLabel(number=2)), "share a label"),
        ((), "gives no `datasets`"),
        ((NoOrigin(),), "should say where the data come from"),
        ((TwiceTheTask(),), "should have a name each"),
    ],
)
def test_catches_names_that_do_not_tell(datasets, match):
    with pytest.raises(AssertionError, match=match):
        suite(*datasets).test_labels_tell_data_sets_apart()
