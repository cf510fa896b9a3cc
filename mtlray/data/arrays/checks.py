"""What the columns of an ArrayDataset must hold; each fault is one clear error before anything is trained."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mtlray.checks import require
from mtlray.data.base import SplitName
from mtlray.errors import DataError
from mtlray.tasks.task import Task


def tasks_of(given: Any) -> tuple[Task, ...]:
    """One task alone is a tuple of one. Raises SpecError for anything else than tasks, none, and two of one name."""
    tasks = (given,) if isinstance(given, Task) else tuple(given) if isinstance(given, Iterable) else ()
    fits = len(tasks) > 0 and all(isinstance(task, Task) for task in tasks)
    require(fits, "tasks", 'be tasks, such as (classification("digit", classes=10),)', given)
    names = [task.name for task in tasks]
    require(len(set(names)) == len(names), "tasks", "have a name each", names)
    return tasks


def column(columns: Mapping[str, np.ndarray], name: str, use: str, where: str) -> np.ndarray:
    """A column by its name. Raises DataError, which names the nearest one."""
    if name in columns:
        return columns[name]
    near = difflib.get_close_matches(name, list(columns), n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    shown = ", ".join(list(columns)[:12]) + (", …" if len(columns) > 12 else "")
    raise DataError(f"{use[0].upper()}{use[1:]} should be the column `{name}` of {where}.{hint} It has: {shown}.")


def inputs(parts: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """The inputs as one array: images `[example, channel, row, column]` in uint8, or numbers `[example, ...]` in float64.

    Raises DataError for text, for values that are not finite, and for none.
    """
    if not parts:
        raise DataError("A data set should have an input. Found no column besides tasks, split and group.")
    if len(parts) == 1 and parts[0][1].dtype == np.uint8 and parts[0][1].ndim in (3, 4):
        images = parts[0][1]
        return images[:, None] if images.ndim == 3 else images
    arrays = []
    for name, values in parts:
        numbers = _numbers(name, values, "an input")
        bad = int((~np.isfinite(numbers)).reshape(len(numbers), -1).any(axis=1).sum())
        if bad:
            raise DataError(
                f"Input `{name}` should hold finite numbers. {bad} of {len(numbers)} examples have an empty, NaN or infinite "
                "value. Fill them in or leave these examples out."
            )
        arrays.append(numbers)
    if len(arrays) == 1 and arrays[0].ndim > 1:
        return arrays[0]
    return np.concatenate([a.reshape(len(a), -1) for a in arrays], axis=1)


def target(task: Task, values: np.ndarray) -> np.ndarray:
    """A task's labels as they are stored: int16 or int32 classes with -1 for none, or float32 `[example, *output_shape]`.

    Raises DataError for text, a class out of range, and another shape.
    """
    numbers = _numbers(task.name, values, f"task {task.name}")
    if task.likelihood != "categorical":
        shaped = numbers[:, None] if numbers.ndim == 1 and task.output_shape == (1,) else numbers
        if shaped.shape[1:] != task.output_shape:
            raise DataError(
                f"Task {task.name} should have labels of shape {list(task.output_shape)} an example. "
                f"Found {list(numbers.shape[1:])}."
            )
        return shaped.astype(np.float32)
    n_classes = max(2, task.output_shape[0])
    there = ~np.isnan(numbers) & (numbers >= 0)
    bad = numbers[there & ((numbers >= n_classes) | (numbers != np.floor(numbers)))]
    if len(bad):
        raise DataError(
            f"Task {task.name} should have classes from 0 to {n_classes - 1}, empty or negative where there is no label. "
            f"Found {bad[0]:g} in {len(bad)} examples."
        )
    return np.where(there, numbers, -1).astype(np.int16 if n_classes < 2**15 else np.int32)


def splits(rows: Mapping[SplitName, np.ndarray], name: str, task_of: np.ndarray | None = None) -> None:
    """Raise DataError where there is nothing to train or to test on, or nothing of a task with examples of its own."""
    for split in ("train", "test"):
        if not len(rows[split]):
            sizes = ", ".join(f"{len(found)} for {other}" for other, found in rows.items())
            raise DataError(f"Data set {name} should have at least one example for {split}. Found {sizes}.")
        missing = [] if task_of is None else sorted(set(task_of.tolist()) - set(task_of[rows[split]].tolist()))
        if missing:
            raise DataError(f"Each task of {name} should have an example for {split}. Found none of {missing[0]}.")


def task_names(values: np.ndarray, tasks: Sequence[Task], name: str) -> np.ndarray:
    """A column that says of which task an example is. Raises DataError for a name that no task has, and a task without any."""
    words, names = values.astype(str), [task.name for task in tasks]
    unknown = sorted(set(words.tolist()) - set(names))
    if unknown:
        raise DataError(
            f"Column `{name}` should hold names of tasks: {', '.join(names)}. Found `{unknown[0]}`. Add a task of that name, or "
            "leave these examples out."
        )
    without = [task for task in names if not (words == task).any()]
    if without:
        raise DataError(f"Each task should have examples of its own in column `{name}`. Found none of {without[0]}.")
    return words


def of_task(task: Task, labels: np.ndarray, task_of: np.ndarray) -> np.ndarray:
    """The labels of a task's own examples, NaN for all others. Raises DataError for text."""
    numbers = _numbers(task.name, labels, f"task {task.name}").copy()
    numbers[task_of != task.name] = np.nan
    return numbers


def n_labels(target: np.ndarray) -> int:
    """How many examples have a label, of a target as it is stored."""
    there = target >= 0 if np.issubdtype(target.dtype, np.integer) else ~np.isnan(target)
    return int(there.reshape(len(target), -1).any(axis=1).sum())


def _numbers(name: str, values: np.ndarray, use: str) -> np.ndarray:
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        text = next((v for v in values.ravel().tolist() if not _is_number(v)), values.ravel()[0])
        raise DataError(
            f"{use[0].upper()}{use[1:]}, column `{name}`, should hold numbers. Found `{text}`. Turn text into numbers, one for "
            'each class, or leave that column out of `inputs`; where it is the input, set `tokens` to "words" or "characters".'
        ) from None


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True
