"""A small project of a user's own, a sweep file and two modules beside it, and the numbers of its trials."""

import json
from pathlib import Path

import torch

from mtlray.models import Computation
from mtlray.specs import TrialSpec
from mtlray.specs.sweepfile import load_sweep
from mtlray.training.loop import train

SWEEP = '''"""A sweep."""

from dataclasses import dataclass
from typing import ClassVar

import helper
import torch
from helper import REGISTRY, Base, register
from points import Points

from mtlray import SGD, AbstractWeighting, Equal, ModelSpec, SharedTrunk, SweepSpec, TrialSpec

WIDTH = 3
FACTORS = {"a": 1.5, "b": 0.5}
TABLE = [0.25 * i for i in range(1, 5) if i != 2]
RATE = 0.1
FRACTIONS = (1.0,)


def fill(target):
    """Change what it is given."""
    for i, name in enumerate(sorted(target)):
        target[name] = target[name] + 0.1 * i


fill(FACTORS)
Alias = FACTORS
Alias["c"] = 2.0
_ = FACTORS.setdefault("d", 0.75)


def count():
    global WIDTH
    WIDTH = WIDTH + 1


count()


@dataclass(frozen=True)
class Net(ModelSpec):
    """One layer for all tasks."""

    key: ClassVar[str] = "net"
    label: ClassVar[str] = "net"

    def check(self, input_shape, tasks):
        pass

    def build(self, input_shape, tasks):
        trunk = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(input_shape[-1], WIDTH + 2), torch.nn.Tanh())
        return SharedTrunk(trunk, {task.name: torch.nn.Linear(WIDTH + 2, 1) for task in tasks})


@register("mine")
@dataclass(frozen=True)
class Mine(Base):
    """Weights out of many places."""

    power: float = 1.0
    key: ClassVar[str] = "mine"

    def combine(self, losses, state):
        weights = torch.tensor([FACTORS["a"] + TABLE[0], FACTORS["d"] * self.scale() - FACTORS["c"] / 8])
        weights = weights * helper.temper(losses.detach(), self.power) + 0.01 * len(REGISTRY)
        return (weights * losses).sum(dim=1), weights.expand_as(losses), state


@dataclass(frozen=True)
class Plain(AbstractWeighting):
    """Uses nothing of the file."""

    shift: float = 0.5
    key: ClassVar[str] = "plain"

    def combine(self, losses, state):
        weights = torch.ones_like(losses) * (1.0 + self.shift)
        if losses.shape[1] > 1:
            weights[:, 0] = 0.7
        return (weights * losses).sum(dim=1), weights, state


def strengthen(cls):
    cls.extra = 0.125
    return cls


Mine = strengthen(Mine)

SWEEP = SweepSpec(
    name="s",
    question="?",
    base=TrialSpec(
        dataset=Points(), model=Net(), strategy=Equal(), optimizer=SGD(lr=RATE), steps=3, batch_size=8, evaluate_every=3
    ),
    strategies=(Mine(), Plain()),
    fractions=FRACTIONS,
)
'''

HELPER = '''"""What strategies share."""

from mtlray import AbstractWeighting

REGISTRY = {}
FLOOR = 0.2


def register(name):
    def mark(cls):
        REGISTRY[name] = len(REGISTRY) + 1
        return cls

    return mark


class Base(AbstractWeighting):
    found = []
    extra = 0.0

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        Base.found.append(cls.__name__)

    def scale(self):
        return 1.0 + 0.05 * len(Base.found) + self.extra


def temper(losses, power):
    return losses.clamp(min=FLOOR) ** (power / 2)


def unused(losses):
    return losses * 3
'''

DATA = '''"""Points on a line, and two tasks on them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from mtlray import Column, Dataset, DatasetSpec, Examples, MeanSquaredError, Task, squared_error

SIZES = {"train": 24, "val": 8, "test": 8}


def make(split):
    rng = np.random.default_rng(3 + len(split))
    inputs = rng.normal(size=(SIZES[split], 2)).astype(np.float32)
    near = inputs.sum(axis=1, keepdims=True) * 0.5 - 0.1
    far = np.concatenate([inputs[i : i + 1, :1] ** 2 for i in range(len(inputs)) if i >= 0])
    return inputs, near, far


@dataclass(frozen=True)
class Points(DatasetSpec):
    key: ClassVar[str] = "points"
    label: ClassVar[str] = "points"
    origin: ClassVar[str] = "made"
    input_shape: ClassVar[tuple[int, ...]] = (2,)

    @property
    def tasks(self):
        return tuple(
            Task(
                name=name, likelihood="gaussian", output_shape=(1,), loss=squared_error, metrics=(MeanSquaredError(),)
            )
            for name in ("near", "far")
        )

    def n_examples(self, split):
        return SIZES[split]

    def prepare(self, root):
        return "mark"

    def load(self, root):
        splits = {}
        for split in SIZES:
            inputs, near, far = (Column(torch.from_numpy(values), "number") for values in make(split))
            splits[split] = Examples(inputs, {"near": near, "far": far})
        return Dataset(splits, "mark")
'''

FILES = {"sweep.py": SWEEP, "helper.py": HELPER, "points.py": DATA}


def write(folder: Path, files: dict[str, str]) -> Path:
    """The files in a folder; returns the sweep file."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "sweep.py"


def numbers(sweep_file: Path) -> dict[str, str]:
    """What each trial of a sweep file computes, by its id, exactly."""
    sweep, _ = load_sweep(sweep_file)
    return {trial.trial_id: _rows(trial, sweep_file.parent) for trial in sweep.trials()}


def ids(sweep_file: Path) -> list[str]:
    return [trial.trial_id for trial in load_sweep(sweep_file)[0].trials()]


def _rows(trial: TrialSpec, root: Path) -> str:
    outcomes = train(
        [trial],
        trial.dataset.load(root),
        Computation(torch.device("cpu")),
        checkpoints=[None],
        checkpoint_seconds=1e9,
        save=lambda checkpoint: None,
        progress=lambda step: None,
    )
    rows = [{name: value for name, value in row.items() if "per_second" not in name} for row in outcomes[0].rows]
    return json.dumps(rows, sort_keys=True, default=repr)
