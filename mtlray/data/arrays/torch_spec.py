"""TorchDataset: any map-style data set of PyTorch, torchvision or Hugging Face, with one line for each task."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from mtlray.data.arrays import items, sources, splitting
from mtlray.data.arrays.columns import ColumnsDataset
from mtlray.data.base import SplitName
from mtlray.errors import DataError


@dataclass(frozen=True, kw_only=True)
class TorchDataset(ColumnsDataset):
    """A data set from a map-style `torch.utils.data.Dataset`, and so from those of torchvision and Hugging Face.

    `source` is one data set, or a dict with one for train and for test, and val where there is one; or a function that returns
    either. Splits that it does not have are drawn from the training part by `val` and `test`. An item is a dict, whose names are
    the columns, or inputs and the labels of the tasks, in their order. Pictures become images of uint8, `[channel, row,
    column]`; they need one size. `tasks`, `inputs`, `tokens`, `group` and the rest are as in `ArrayDataset`.

    All items are read when the sweep file is loaded, once a process, and stored with the prepared data; a hash of what they
    hold is part of a trial's identity. So no item may change from one time to the next: random transforms are refused. Workers
    on other machines read a source again where it is a function. Raises SpecError and DataError.

    >>> import torch
    >>> from mtlray import TorchDataset, classification
    >>> images = torch.randint(256, (100, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    >>> pairs = torch.utils.data.TensorDataset(images, torch.arange(100) % 4)
    >>> dataset = TorchDataset(name="pairs", source=pairs, tasks=(classification("kind", classes=4),))
    >>> dataset.input_shape, [dataset.n_examples(split) for split in ("train", "val", "test")]
    ((3, 8, 8), [70, 10, 20])
    """

    source: Any = field(metadata={"identity": False}, compare=False, repr=False)

    key: ClassVar[str] = "torch"

    def _settle(self) -> None:
        for split in set(self._parts) - {"train"}:
            object.__setattr__(self, split, 0.0)  # nothing is drawn for it
        self._class_name  # noqa: B018

    @cached_property
    def _parts(self) -> dict[SplitName, Any]:
        return items.parts_of(self.source, self.name)

    @cached_property
    def _class_name(self) -> str:
        return type(self._parts["train"]).__name__

    def _source_name(self) -> str:
        return self._class_name

    def _sent_source(self) -> dict[str, object]:
        """A function alone: a data set may be large, and the prepared arrays are what it was."""
        of_data: dict[str, object] = {"_parts": None}
        return of_data if items.is_function(self.source) else {**of_data, "source": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        del state["_parts"]  # read again where it is asked for
        self.__dict__.update(state)

    def _read(self) -> dict[str, np.ndarray]:
        return items.columns_of(self._parts, [task.name for task in self.tasks], self.name)

    def _content(self) -> str:
        sizes = np.array([len(self._parts.get(split, ())) for split in splitting.SPLITS])
        return sources.content_of_arrays({**self._columns, "": sizes})

    def _draw_rows(self) -> dict[SplitName, np.ndarray]:
        of_split: dict[SplitName, np.ndarray] = {}
        first = 0
        for split, part in self._parts.items():
            of_split[split] = first + np.arange(len(part))
            first += len(part)
        train, groups = of_split["train"], self._groups()
        drawn = splitting.at_random(
            len(train), self.val, self.test, None if groups is None else groups[train], self.data_seed
        )
        return {
            split: of_split[split] if split in of_split and split != "train" else train[drawn[split]] for split in drawn
        }

    def _check_unchanged(self) -> None:
        if self.source is None:
            raise DataError(
                f"The arrays of {self.name} should be prepared on this machine too, and a data set in memory is not sent there. "
                "Give its `source` as a function that returns it, or let `--data` be a folder that all machines share."
            )
        if self._content() != self.content:
            raise DataError(
                f"{self.name} should hold the data that the sweep was loaded with. Found others on this machine. Bring the same "
                "data here, or let `--data` be a folder that all machines share."
            )
