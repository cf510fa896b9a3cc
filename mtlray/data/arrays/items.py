"""Reading any map-style torch.utils.data.Dataset, and so those of torchvision and Hugging Face, as named arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from mtlray.data.base import SplitName
from mtlray.errors import DataError, SpecError

_SPLITS: dict[str, SplitName] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_READ_AGAIN = 8  # items


def parts_of(source: object, name: str) -> dict[SplitName, Any]:
    """The data sets of a source by split: one alone is to be split. Raises SpecError for anything else than map-style ones."""
    found: Any = source() if is_function(source) else source  # type: ignore[operator]
    parts: dict[SplitName, Any] = {}
    for split, part in found.items() if isinstance(found, Mapping) else [("train", found)]:
        if split not in _SPLITS or _SPLITS[split] in parts:
            raise SpecError(
                f"The source of {name} should be a data set, or one for each of train, val and test. Found one named `{split}`."
            )
        if not _is_map_style(part):
            raise SpecError(
                f"The source of {name} should be a data set with `__len__` and `__getitem__`, or a function that returns one. "
                f"Found {type(part).__name__} for {split}."
            )
        parts[_SPLITS[split]] = part
    if "train" not in parts:
        raise SpecError(f"The source of {name} should have a data set for train. Found {', '.join(parts) or 'none'}.")
    return parts


def is_function(source: object) -> bool:
    """Whether a source is a function that returns the data, and not the data."""
    return callable(source) and not _is_map_style(source)


def _is_map_style(found: object) -> bool:
    return hasattr(type(found), "__len__") and hasattr(type(found), "__getitem__") and not isinstance(found, Mapping)


def columns_of(parts: Mapping[SplitName, Any], tasks: Sequence[str], name: str) -> dict[str, np.ndarray]:
    """All items of all splits, one split after the other, as columns `[example, ...]`.

    An item is a dict, whose names are kept, or inputs, which become `x`, followed by the labels of the tasks: one for each, or a
    sequence or a dict of them. Raises DataError for items that differ in their form, or from one time to the next.
    """
    kept: dict[str, list[Any]] = {}
    for split, part in parts.items():
        for i in range(len(part)):
            item = named(part[i], tasks, name)
            if kept and item.keys() != kept.keys():
                raise DataError(
                    f"All items of {name} should have {', '.join(kept)}. Found {', '.join(item)} in item {i} of {split}."
                )
            for column, value in item.items():
                kept.setdefault(column, []).append(value)
        _require_same_again(part, split, kept, tasks, name)
    return {column: _stacked(column, values, name) for column, values in kept.items()}


def named(item: Any, tasks: Sequence[str], name: str) -> dict[str, Any]:
    """The values of one item by name. Raises SpecError where it cannot be told which is which."""
    if isinstance(item, Mapping):
        return {str(column): plain(value) for column, value in item.items()}
    if isinstance(item, (tuple, list)) and len(item) > 1:
        x, *labels = item
        if len(labels) == 1 and isinstance(labels[0], Mapping):
            return {"x": plain(x), **{str(task): plain(label) for task, label in labels[0].items()}}
        if len(labels) == 1 < len(tasks) and hasattr(labels[0], "__len__"):
            labels = list(labels[0])
        if len(labels) == len(tasks):
            return {"x": plain(x), **{task: plain(label) for task, label in zip(tasks, labels, strict=True)}}
    found = f"a {type(item).__name__}" + (f" of {len(item)}" if isinstance(item, (tuple, list)) else "")
    raise SpecError(
        f"An item of {name} should be a dict, or inputs followed by a label for each of {', '.join(tasks)}. Found {found}. "
        "Wrap the data set in one whose `__getitem__` returns a dict."
    )


def plain(value: Any) -> Any:
    """A tensor or a picture as an array, a picture as uint8 with its channels first; all else as it is."""
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy()
    if hasattr(value, "convert") and hasattr(value, "getbands"):  # of PIL
        numbers = value.mode in ("L", "RGB", "I", "F") or value.mode.startswith("I;16")
        pixels = np.asarray(value if numbers else value.convert("L" if value.mode == "1" else "RGB"))
        return pixels if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
    return np.asarray(value) if isinstance(value, (list, tuple)) else value


def _stacked(column: str, values: list[Any], name: str) -> np.ndarray:
    """One array; an array of objects where lists of numbers have unequal lengths, and for texts."""
    if all(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    shapes = {np.shape(value) for value in values}
    if len(shapes) == 1:
        return np.stack(values) if isinstance(values[0], np.ndarray) else np.asarray(values)
    if all(len(shape) == 1 for shape in shapes):
        ragged = np.empty(len(values), dtype=object)
        ragged[:] = [np.asarray(value) for value in values]
        return ragged
    some = " and ".join("x".join(map(str, shape)) or "a number" for shape in sorted(shapes, key=str)[:2])
    raise DataError(
        f"`{column}` of {name} should have one shape in all items. Found {some}. Give the data set a transform that resizes or "
        "pads, or that leaves this value out."
    )


def _require_same_again(
    part: Any, split: SplitName, kept: Mapping[str, list[Any]], tasks: Sequence[str], name: str
) -> None:
    """Raise DataError where an item is another one when it is read again: a random transform would give new ids each time."""
    n = len(part)
    for i in sorted({round(j * (n - 1) / _READ_AGAIN) for j in range(_READ_AGAIN + 1)}) if n else ():
        again = named(part[i], tasks, name)
        changed = [column for column in kept if not _equal(again[column], kept[column][i - n])]
        if changed:
            raise DataError(
                f"An item of {name} should be the same each time that it is read. Found another `{changed[0]}` in item {i} of "
                f"{split}. Leave random transforms out of the data set."
            )


def _equal(one: Any, two: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):
        return np.array_equal(one, two, equal_nan=np.asarray(one).dtype.kind in "fc")
    return bool(one == two) or (one != one and two != two)
