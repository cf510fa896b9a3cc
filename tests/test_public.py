"""The public face: every name loads late, is typed, and a sweep file or plug-in needs no other module."""

import doctest
import os
import re
import subprocess
import sys

import pytest
import worked_example
from places import ROOT

import mtlray
from mtlray.specs.sweepfile import load_sweep
from mtlray.strategies import STRATEGIES
from mtlray.tasks import metrics

RIGHT = """
from dataclasses import dataclass

import torch

from mtlray import DWA, SGD, AbstractWeighting, Equal, LeNet, MultiMNIST, State, SweepSpec, TrialSpec


@dataclass(frozen=True)
class Half(AbstractWeighting):
    share: float = 0.5

    key = "half"

    def combine(self, losses: torch.Tensor, state: State) -> tuple[torch.Tensor, torch.Tensor, State]:
        return (self.share * losses).sum(dim=1), torch.full_like(losses, self.share), state


SWEEP = SweepSpec(
    name="typed",
    question="Is a right sweep file free of errors?",
    base=TrialSpec(
        dataset=MultiMNIST(), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.05), steps=20, batch_size=8,
        evaluate_every=10,
    ),
    strategies=(Equal(), DWA(temperature=2), Half()),
    selection="last",
)
"""
WRONG = {
    "a misspelt hyperparameter": ("from mtlray import DWA\nDWA(temprature=2)\n", "temprature"),
    "a misspelt name": ("from mtlray import DWB\n", "DWB"),
    "a sweep without a base": (
        'from mtlray import Equal, SweepSpec\nSweepSpec(name="a", question="b", strategies=(Equal(),))\n',
        "base",
    ),
    "a strategy that combines nothing": (
        "from mtlray import AbstractWeighting\nclass Nothing(AbstractWeighting):\n    key = 'nothing'\nNothing()\n",
        "combine",
    ),
}


def mypy(folder, files):
    """What `mypy --strict` says about the files of a user, in a folder of their own."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", ".mypy", *files]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MYPYPATH": str(ROOT), "PYTHONPATH": ""},
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_users_file_is_typed(tmp_path):
    names = {f"wrong_{i}.py": key for i, key in enumerate(WRONG)}
    said = mypy(tmp_path, {"right.py": RIGHT, **{name: WRONG[key][0] for name, key in names.items()}})
    assert "right.py" not in said, said
    for name, key in names.items():
        errors = [line for line in said.splitlines() if line.startswith(f"{name}:") and "error" in line]
        assert any(WRONG[key][1] in line for line in errors), f"{key}: {said}"


def test_the_right_file_is_a_sweep(tmp_path):
    path = tmp_path / "right.py"
    path.write_text(RIGHT, encoding="utf-8")
    assert len(load_sweep(path)[0].trials()) == 3


@pytest.mark.parametrize("name", mtlray.__all__)
def test_every_name_loads(name):
    assert getattr(mtlray, name) is not None


def test_every_strategy_and_metric_is_public():
    assert {strategy.__name__ for strategy in STRATEGIES} <= set(mtlray.__all__)
    assert set(metrics.__all__) <= set(mtlray.__all__)


def test_an_unknown_name_is_refused():
    with pytest.raises(AttributeError, match="DWB"):
        _ = mtlray.DWB


def test_importing_loads_neither_torch_nor_ray():
    code = (
        "import time, sys; start = time.process_time(); import mtlray; spent = time.process_time() - start\n"
        "assert not {'torch', 'ray', 'numpy'} & set(sys.modules), 'too much is imported'\n"
        "assert spent <= 0.15, spent"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def example():
    return worked_example.text()


def test_the_worked_example_imports_from_mtlray_alone():
    ours = re.findall(r"^(?:from|import) (mtlray\S*)", example(), re.M)
    assert set(ours) == {"mtlray"}


def test_the_worked_example_can_be_loaded_and_read(tmp_path):
    path = tmp_path / "points.py"
    path.write_text(example(), encoding="utf-8")
    sweep, _ = load_sweep(path)
    assert len(sweep.trials()) == 3
    dataset = sweep.base.dataset
    fingerprint = dataset.prepare(tmp_path)
    loaded = dataset.load(tmp_path)
    assert loaded.fingerprint == fingerprint
    assert {split: len(examples) for split, examples in loaded.splits.items()} == {
        "train": 800,
        "val": 100,
        "test": 100,
    }


WITH_EXAMPLES = (
    *(mtlray.SweepSpec, mtlray.TrialSpec, mtlray.SGD, mtlray.Adam, mtlray.Task, mtlray.try_out),
    *(mtlray.MultiMNIST, mtlray.DatasetSpec, mtlray.ModelSpec, mtlray.LeNet, mtlray.SegNet, mtlray.MTAN, mtlray.VGG),
    *(mtlray.MLP, mtlray.ResNet, mtlray.Backbone, mtlray.TextEncoder, mtlray.Network, mtlray.TokenShape),
    *(mtlray.NineLayerCNN, mtlray.WideResNet),
    *(mtlray.ArrayDataset, mtlray.TorchDataset, mtlray.CIFAR100, mtlray.CIFAR100BySuperclass),
    *STRATEGIES,
)


@pytest.mark.parametrize("thing", WITH_EXAMPLES, ids=lambda thing: thing.__name__)
def test_the_example_in_the_docstring_runs(thing):
    found = doctest.DocTestFinder(recurse=False).find(thing, thing.__name__, globs={"__name__": thing.__module__})
    (example,) = [test for test in found if test.examples]
    said = []
    result = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(example, out=said.append)
    assert result.failed == 0, "".join(said)
