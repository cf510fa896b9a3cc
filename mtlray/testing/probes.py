"""What the suites share: tasks to try things on, random targets for them, and comparisons of numbers and specs."""

import json
import pickle
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mtlray.identity.codec import encode
from mtlray.tasks.losses import cross_entropy, squared_error
from mtlray.tasks.metrics import Accuracy, MeanSquaredError
from mtlray.tasks.task import Task
from mtlray.words.names import is_plain

TASKS = (
    Task(name="left", likelihood="categorical", output_shape=(4,), loss=cross_entropy, metrics=(Accuracy(),)),
    Task(name="right", likelihood="categorical", output_shape=(3,), loss=cross_entropy, metrics=(Accuracy(),)),
    Task(name="scale", likelihood="gaussian", output_shape=(2,), loss=squared_error, metrics=(MeanSquaredError(),)),
)
"""Two classifications and a regression, whose losses differ in size."""


def random_targets(task: Task, n: int, rng: torch.Generator) -> Tensor:
    """Random targets for `n` examples of a task: classes where it is categorical, else numbers."""
    if task.likelihood == "categorical":
        return torch.randint(task.output_shape[0], (n, *task.output_shape[1:]), generator=rng)
    return torch.randn(n, *task.output_shape, generator=rng, dtype=torch.float64)


def assert_close(found: object, expected: object, tolerance: float, where: str) -> None:
    """Numbers are equal within a relative and absolute tolerance; nan is equal to nan."""
    check = partial(torch.testing.assert_close, rtol=tolerance, atol=tolerance, equal_nan=True)
    check(found, expected, msg=lambda message: f"{where}: {message}")


def assert_frozen(spec: object) -> None:
    """The class is a frozen dataclass."""
    parameters = vars(type(spec)).get("__dataclass_params__")
    assert getattr(parameters, "frozen", False), "declare the class with @dataclass(frozen=True)"


def assert_travels(spec: Any) -> Any:
    """What a worker gets is equal, and is encoded alike, to JSON that holds no nan; returns it."""
    there = pickle.loads(pickle.dumps(spec))
    assert there == spec, f"pickled and read again, it is another: {there!r}"
    assert hash(there) == hash(spec), "equal specs have two hashes"
    texts = {json.dumps(encode(s), sort_keys=True, allow_nan=False) for s in (spec, there)}
    assert len(texts) == 1, "equal specs are encoded differently"
    return there


def assert_labels_differ(specs: Sequence[Any], name: str) -> None:
    """There are specs, each has a key and a label, and these tell them apart."""
    assert specs, f"the suite's subclass gives no `{name}`"
    for spec in specs:
        assert isinstance(getattr(spec, "key", None), str), f"`{spec!r}` has no `key`"
        assert is_plain(spec.label), f"the label should be a name in one line without slashes. Found {spec.label!r}"
    labels = {spec.label for spec in specs}
    assert len(labels) == len(set(specs)), f"{name} that differ share a label: {sorted(labels)}"
