"""LibMTL's own trainer as a variant of the throughput benchmark, from a checkout that the user names.

Its trainer asks for the first GPU and imports packages that equal weighting never calls; it is given the CPU for
every device and stubs for the imports, in memory, and nothing of the checkout is changed or kept.
"""

import contextlib
import importlib
import importlib.util
import io
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset


class _Absent(types.ModuleType):
    """Stands for a package that is imported and, for what is measured here, never called."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


class _OnTheCPU(types.ModuleType):
    """torch, where every device is the CPU."""

    def __getattr__(self, name: str) -> Any:
        return (lambda _: torch.device("cpu")) if name == "device" else getattr(torch, name)


class _Labelled(Dataset):
    """A data set whose labels are a dictionary, as LibMTL takes them; made beforehand, so that it costs LibMTL nothing."""

    def __init__(self, data: Dataset, tasks: tuple[str, ...]) -> None:
        self._data = data
        self._labels = [dict(zip(tasks, data[i][1], strict=True)) for i in range(len(data))]

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, i: int) -> tuple[Any, dict[str, Any]]:
        return self._data[i][0], self._labels[i]


def trainer_class(checkout: Path) -> Any:
    """LibMTL's `Trainer`, told to use the CPU. Raises SystemExit where the checkout is not one."""
    source = checkout / "LibMTL" / "trainer.py"
    if not source.is_file():
        raise SystemExit(f"--libmtl should name a checkout of LibMTL. Found no {source}.")
    for name in ("torch_geometric", "cvxpy", "qpsolvers"):
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            sys.modules[name] = _Absent(name)
    sys.path.insert(0, str(checkout))
    trainer = importlib.import_module("LibMTL.trainer")
    trainer.torch = _OnTheCPU("torch")
    return trainer.Trainer


def libmtl(
    checkout: Path,
    data: Dataset,
    network: Callable[[], nn.Module],
    batch: int,
    n_steps: int,
    weighting: str = "EW",
    tasks: tuple[str, ...] = ("left", "right"),
) -> Callable[[], int]:
    """One call trains `n_steps` batches by `Trainer.train`, as its users call it; `network` has `trunk` and `heads`.

    Its trainer counts in epochs: one here is as many passes over the data, the last cut short, as make `n_steps` batches.
    It returns how many examples that were.
    """
    trainer = trainer_class(checkout)
    from LibMTL.loss import CELoss
    from LibMTL.metrics import AccMetric

    made = network()
    with contextlib.redirect_stdout(io.StringIO()):
        model = trainer(
            task_dict={
                t: {"metrics": ["Acc"], "metrics_fn": AccMetric(), "loss_fn": CELoss(), "weight": [1]} for t in tasks
            },
            weighting=weighting,
            architecture="HPS",
            encoder_class=lambda: made.trunk,
            decoders=nn.ModuleDict(dict(zip(tasks, made.heads, strict=True))),
            rep_grad=False,
            multi_input=False,
            optim_param={"optim": "sgd", "lr": 0.005, "momentum": 0.9},
            scheduler_param=None,
            weight_args={},
            arch_args={},
        )
    labelled = _Labelled(data, tasks)
    test = DataLoader(Subset(labelled, range(2)), 2)

    def train() -> int:
        passes = [torch.randperm(len(labelled)) for _ in range(-(-n_steps * batch // len(labelled)))]
        loader = DataLoader(Subset(labelled, torch.cat(passes)[: n_steps * batch].tolist()), batch, shuffle=True)
        assert len(loader) == n_steps
        with contextlib.redirect_stdout(io.StringIO()):
            model.train(loader, test, epochs=1)
        return n_steps * batch

    return train
