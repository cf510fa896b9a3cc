"""What the columns of an ArrayDataset must hold; each fault is one clear error before anything is trained."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mtlray.checks import require
from mtlray.data.base import SplitName
from mtlray.errors import DataError
from mtlray.tasks.task import Task

LARGEST = float(np.finfo(np.float32).max)
_NO_NUMBERS = {"c": "complex numbers", "M": "dates", "m": "lengths of time", "V": "records"}


def tasks_of(given: Any) -> tuple[Task, ...]:
    """One task alone is a tuple of one. Raises SpecError for anything else than tasks, none, and two of one name."""
    tasks = (given,) if isinstance(given, Task) else tuple(given) if isinstance(given, Iterable) else ()
    fits = len(tasks) > 0 and all(isinstance(task, Task) for task in tasks)
    require(fits, "tasks", 'be tasks, such as (classification("digit", classes=10),)', given)
    names = [task.name for task in tasks]
    require(len(set(names)) == len(names), "tasks", "have a name each", names)
    return tasks


def input_names(given: Any) -> tuple[str, ...] | str:
    """The names of the inputs in their order, or one name. Raises SpecError for all else; a set has no order."""
    if isinstance(given, str):
        return given
    names = tuple(given) if isinstance(given, Sequence) else (None,)
    fits = all(isinstance(name, str) for name in names)
    require(fits, "inputs", 'be names of columns in their order, such as ("age", "height")', given)
    return names


def kinds_of_settings(dataset: Any) -> None:
    """Raise SpecError for settings that would be taken for others: a word for True or False, limits of tokens without tokens."""
    require(isinstance(dataset.standardize, bool), "standardize", "be True or False", repr(dataset.standardize))
    for name in ("group", "split", "task_column"):
        value = getattr(dataset, name, None)
        require(value is None or isinstance(value, str), name, "be the name of a column, or None", value)
    for most in ("max_length", "max_vocabulary"):
        value = getattr(dataset, most)
        require(value is None or dataset.tokens is not None, most, "be left out where there are no `tokens`", value)


def column(columns: Mapping[str, np.ndarray], name: str, use: str, where: str) -> np.ndarray:
    """A column by its name. Raises DataError, which names the nearest one."""
    if name in columns:
        return columns[name]
    near = difflib.get_close_matches(name, list(columns), n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    shown = ", ".join(list(columns)[:12]) + (", …" if len(columns) > 12 else "")
    only = next(iter(columns))
    if len(columns) == 1 and (sign := next((sign for sign in ";\t|" if sign in only), None)):
        hint = f" Its columns seem to be separated by {sign!r}: let a function return `pandas.read_csv(PATH, sep={sign!r})`."
    raise DataError(f"{use[0].upper()}{use[1:]} should be the column `{name}` of {where}.{hint} It has: {shown}.")


def default_inputs(columns: Mapping[str, np.ndarray], taken: Collection[str | None], where: str) -> list[str]:
    """`x` where there is such a column, else all that nothing else takes. Raises DataError for one that has no name of its own.

    A csv that pandas wrote with its index has one without a name, which says in which row an example stood.
    """
    if "x" in columns:
        return ["x"]
    names = [name for name in columns if name not in taken]
    unnamed = [name for name in names if not name.strip() or name.startswith("Unnamed: ")]
    if unnamed:
        raise DataError(
            f"Each column of {where} should have a name. Found one without, as pandas writes its index. Write the file with "
            "`index=False`, or say in `inputs` which columns the network reads."
        )
    return names


def inputs(parts: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    """The inputs as one array: images `[example, channel, row, column]` in uint8, or numbers `[example, ...]` in float64.

    Raises DataError for text, for values that are not finite, and for none.
    """
    if not parts:
        raise DataError("A data set should have an input. Found no column besides tasks, split and group.")
    if len(parts) == 1 and parts[0][1].dtype == np.uint8 and parts[0][1].ndim in (3, 4):
        return _images(*parts[0])
    arrays = []
    for name, values in parts:
        numbers = _numbers(name, values, "an input")
        bad = int((~np.isfinite(numbers)).reshape(len(numbers), -1).any(axis=1).sum())
        if bad:
            raise DataError(
                f"Input `{name}` should hold finite numbers. {bad} of {len(numbers)} examples have an empty, NaN or infinite "
                "value. Fill them in or leave these examples out."
            )
        if np.abs(numbers).max(initial=0) > LARGEST:
            raise DataError(
                f"Input `{name}` should hold numbers up to {LARGEST:.2g}, the largest of single precision. Found larger ones. "
                "Bring it to another unit."
            )
        arrays.append(numbers)
    if not sum(array[0].size for array in arrays):
        raise DataError(f"An example should have at least one input. Found none in `{parts[0][0]}`.")
    if len(arrays) == 1 and arrays[0].ndim > 1:
        return arrays[0]
    return np.concatenate([a.reshape(len(a), -1) for a in arrays], axis=1)


def _images(name: str, images: np.ndarray) -> np.ndarray:
    if images.ndim == 4 and images.shape[3] in (1, 3, 4) and images.shape[1] > 4:
        raise DataError(
            f"Images should be `[example, channel, row, column]`. Found `{name}` of shape {list(images.shape)}, whose channels "
            "seem to come last. Write `numpy.moveaxis(images, 3, 1)`."
        )
    return images[:, None] if images.ndim == 3 else images


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
                f"Found {list(numbers.shape[1:])}. Of several numbers, write `regression(NAME, outputs=...)`."
            )
        beyond = int((np.abs(shaped) > LARGEST).sum())
        if beyond:
            raise DataError(
                f"Task {task.name} should have finite labels up to {LARGEST:.2g}, the largest number of single precision; empty "
                f"ones are left out. Found {beyond} that are infinite or larger."
            )
        return shaped.astype(np.float32)
    n_classes, wanted = max(2, task.output_shape[0]), task.output_shape[1:]
    if numbers.shape[1:] == (1,) and not wanted:
        numbers = numbers[:, 0]
    if numbers.shape[1:] != wanted:
        one_hot = " Of one column for each class, `array.argmax(axis=1)` is the class." if numbers.ndim == 2 else ""
        raise DataError(
            f"Task {task.name} should have one class for each example{f', of shape {list(wanted)}' if wanted else ''}. Found "
            f"labels of shape {list(numbers.shape[1:])}.{one_hot}"
        )
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


def labels(task: Task, target: np.ndarray, rows: Mapping[SplitName, np.ndarray]) -> None:
    """Raise DataError where a split has examples and none with a label of the task: there would be no value of a metric."""
    for split, of_split in rows.items():
        if len(of_split) and not n_labels(target[of_split]):
            raise DataError(
                f"Task {task.name} should have a label in each split. Found none at the {len(of_split)} examples for {split}. "
                "Hold out more examples or others, or leave the task out."
            )


def groups(values: np.ndarray, name: str) -> np.ndarray:
    """A column of groups as words. Raises DataError where an example has none, or several."""
    if values.ndim != 1:
        raise DataError(f"Column `{name}` should hold one group for each example. Found shape {list(values.shape)}.")
    missing = sum(value is None or value != value or str(value) in ("<NA>", "NaT") for value in values.tolist())
    if missing:
        raise DataError(
            f"Column `{name}` should hold the group of each example. Found {missing} without one, which would be one group. Give "
            "each a group of its own, or leave these examples out."
        )
    return values.astype(str)


def groups_in_one_split(rows: Mapping[SplitName, np.ndarray], groups: np.ndarray, name: str) -> None:
    """Raise DataError where examples of one group are in two splits."""
    seen: dict[str, SplitName] = {}
    for split, of_split in rows.items():
        for group in np.unique(groups[of_split]).tolist():
            if seen.setdefault(group, split) != split:
                raise DataError(
                    f"The examples of one group of column `{name}` should be in one split. Found `{group}` for {seen[group]} and "
                    f"for {split}. Change the splits, or leave `group` out."
                )


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
    if values.dtype.kind in _NO_NUMBERS:  # numpy makes numbers of them, and one of what is missing
        raise DataError(
            f"{use[0].upper()}{use[1:]}, column `{name}`, should hold real numbers. Found {_NO_NUMBERS[values.dtype.kind]}. Turn "
            "them into numbers, such as days since a date, or leave that column out of `inputs`."
        )
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        text = next((v for v in values.ravel().tolist() if not _is_number(v)), values.ravel()[0])
        if isinstance(text, (list, tuple, dict, np.ndarray)):
            raise DataError(
                f"{use[0].upper()}{use[1:]}, column `{name}`, should hold one number for each example. Found several, such as "
                f"`{str(text)[:40]}`. Give each a column of its own, or let a function return an array `[example, ...]`; lists "
                'of integers from a tokenizer are for `tokens="ids"`.'
            ) from None
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
