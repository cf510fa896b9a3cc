"""A step with many tasks on a small network, against plain loops over the same network and against TorchJD.

Yeast, 14 tasks of yes and no on an MLP of 103-64-64, batches of 128, one thread; arrays of the same shapes at random where Yeast
is not imported. All variants live in one process, and short slices of them run in turn, so that a busy machine slows all alike.
What counts is the CPU time of a slice relative to another's of the same round: median and quartiles. The first plain loop reads
a TensorDataset through a DataLoader, the second takes rows of tensors by their indices; both add up the losses. TorchJD, where
it is installed, runs in the second loop; of its two ways to differentiate, in parallel and one by one, the faster one counts.

    python benchmarks/many_tasks.py [--rounds 15] [--steps 40] [--seeds 10] [--data FOLDER] [--json FILE]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from mtlray import DWA, MGDA, MLP, RLW, SGD, AlignedMTL, CAGrad, Equal, PCGrad, TrialSpec, Uncertainty, UPGrad, Yeast
from mtlray.data import Dataset
from mtlray.data.base import Column, Examples
from mtlray.errors import DataError
from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation
from mtlray.running.surroundings import keep_freed_memory
from mtlray.strategies import AbstractStrategy
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

BATCH, WIDTHS, RATE, MOMENTUM = 128, (64, 64), 0.01, 0.9
LOADER, BY_INDEX = "TensorDataset + DataLoader", "tensors by index"
CPU = torch.device("cpu")
LOSS_BASED: list[AbstractStrategy] = [Equal(), DWA(), Uncertainty(), RLW()]
GRADIENT_BASED: list[AbstractStrategy] = [MGDA(), PCGrad(), UPGrad(), AlignedMTL(), CAGrad()]
# The goals: CPU time relative to the loader's loop, to the loop by index, and to TorchJD's same method.
BAR_LOADER, BAR_INDEX, BAR_TORCHJD = 0.6, 0.9, 0.5

# A variant trains a number of steps.
Steps = Callable[[int], object]


@dataclass(frozen=True)
class Table:
    """The training examples of a plain loop, in the form it likes best, and the data set of a trial."""

    spec: Yeast
    dataset: Dataset
    inputs: Tensor
    labels: Tensor


def table(root: Path) -> Table:
    """Yeast where it is imported, else arrays of its shapes."""
    spec = Yeast()
    try:
        dataset = spec.load(root)
    except DataError:
        print("Yeast is not imported: random arrays of its shapes take its place.")
        dataset = at_random(spec)
    train = dataset.splits["train"]
    labels = torch.stack([train.targets[task.name].values for task in spec.tasks], dim=1)
    return Table(spec, dataset, train.inputs.values, labels.float())


def at_random(spec: Yeast) -> Dataset:
    random = torch.Generator().manual_seed(0)

    def split(n: int) -> Examples:
        labels = torch.randint(0, 2, (n, len(spec.tasks)), generator=random, dtype=torch.int8)
        targets = {task.name: Column(labels[:, k], "label") for k, task in enumerate(spec.tasks)}
        return Examples(Column(torch.randn(n, *spec.input_shape, generator=random), "number"), targets)

    return Dataset({name: split(spec.n_examples(name)) for name in ("train", "val", "test")}, "random")


class Plain(nn.Module):
    """The network as anyone writes it."""

    def __init__(self, n_inputs: int, n_tasks: int) -> None:
        super().__init__()
        first, second = WIDTHS
        self.trunk = nn.Sequential(nn.Linear(n_inputs, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU())
        self.heads = nn.ModuleList(nn.Linear(second, 1) for _ in range(n_tasks))

    def losses(self, x: Tensor, y: Tensor) -> tuple[Tensor, list[Tensor]]:
        z = self.trunk(x)
        logits = [head(z)[:, 0] for head in self.heads]
        return z, [F.binary_cross_entropy_with_logits(logit, y[:, k]) for k, logit in enumerate(logits)]


def through_loader(data: Table) -> Iterator[list[Tensor]]:
    while True:
        yield from DataLoader(TensorDataset(data.inputs, data.labels), BATCH, shuffle=True)


def by_index(data: Table) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        for rows in torch.split(torch.randperm(len(data.inputs)), BATCH):
            yield data.inputs[rows], data.labels[rows]


def added_up(network: Plain, x: Tensor, y: Tensor) -> None:
    sum(network.losses(x, y)[1]).backward()


def plain(data: Table, batches: Iterator, backward: Callable[[Plain, Tensor, Tensor], None] = added_up) -> Steps:
    network = Plain(data.inputs.shape[1], data.labels.shape[1])
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM)

    def train(n_steps: int) -> None:
        for _ in range(n_steps):
            x, y = next(batches)
            optimizer.zero_grad()
            backward(network, x, y)
            optimizer.step()

    return train


def torchjds() -> dict[str, Callable[[Plain, Tensor, Tensor], None]]:
    """TorchJD's methods by our keys, each in two ways; none where it, or a solver it needs, is not installed."""
    try:
        from torchjd import aggregation
        from torchjd.autojac import jac_to_grad, mtl_backward
    except ImportError:
        return {}
    makers: dict[str, Callable[[], aggregation.Aggregator]] = {
        "mgda": aggregation.MGDA,
        "pcgrad": aggregation.PCGrad,
        "upgrad": aggregation.UPGrad,
        "aligned": aggregation.AlignedMTL,
        "cagrad": lambda: aggregation.CAGrad(c=0.4),
    }
    found = {}
    for key, make in makers.items():
        for chunk in (None, 1):
            try:
                aggregator = make()
            except ImportError as error:
                print(f"TorchJD's {key} is left out: {error}")
                break

            def backward(
                network: Plain, x: Tensor, y: Tensor, aggregator: object = aggregator, chunk: int | None = chunk
            ) -> None:
                z, losses = network.losses(x, y)
                mtl_backward(losses, features=z, parallel_chunk_size=chunk)
                jac_to_grad(network.trunk.parameters(), aggregator)

            found[f"TorchJD {key}, {'in parallel' if chunk is None else 'one by one'}"] = backward
    return found


def ours(data: Table, strategy: AbstractStrategy, n_seeds: int = 1) -> Steps:
    """A trial's own loop, or that of a pack of seeds."""
    trials = [
        TrialSpec(
            dataset=data.spec,
            model=MLP(widths=WIDTHS),
            strategy=strategy,
            optimizer=SGD(lr=RATE, momentum=MOMENTUM),
            steps=10**9,
            batch_size=BATCH,
            seed=seed,
        )
        for seed in range(n_seeds)
    ]
    run = Run.of(trials, PackData(trials, data.dataset, CPU), Computation(CPU))

    def train(n_steps: int) -> None:
        for _ in range(n_steps):
            run.advance()

    return train


def measure(variants: dict[str, Steps], rounds: int, steps: int) -> dict[str, list[float]]:
    """CPU seconds of a step of each variant in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for round_ in range(rounds + 1):
        for name, train in variants.items():
            start = time.process_time()
            train(steps)
            if round_ > 0:  # the first round warms up
                seconds[name].append((time.process_time() - start) / steps)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str, other: str) -> tuple[float, float, float]:
    """The median over the rounds of one's time relative to another's, and the quartiles around it."""
    low, middle, high = statistics.quantiles(
        (mine / theirs for mine, theirs in zip(seconds[name], seconds[other], strict=True)), n=4
    )
    return middle, low, high


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--steps", type=int, default=40, help="steps in a slice")
    options.add_argument("--seeds", type=int, default=10, help="seeds in a pack")
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    options.add_argument("--json", type=Path, help="also write the figures here")
    chosen = options.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    keep_freed_memory()
    data, theirs = table(chosen.data), torchjds()
    pack = f"equal, {chosen.seeds} seeds in a pack"
    variants: dict[str, Steps] = {LOADER: plain(data, through_loader(data)), BY_INDEX: plain(data, by_index(data))}
    variants |= {s.key: ours(data, s) for s in (*LOSS_BASED, *GRADIENT_BASED)}
    variants[pack] = ours(data, Equal(), chosen.seeds)
    variants |= {name: plain(data, by_index(data), backward) for name, backward in theirs.items()}
    seconds = measure(variants, chosen.rounds, chosen.steps)

    print(f"{cpu_name()}, torch {torch.__version__}, one thread, {chosen.rounds} rounds of {chosen.steps} steps")
    figures: dict[str, dict[str, object]] = {}

    def line(name: str, goals: dict[str, float]) -> None:
        mine = 1e6 * statistics.median(seconds[name])
        text, figures[name] = f"  {name:<36} {mine:8.0f} us a step", {"microseconds": mine}
        for other, goal in goals.items():
            middle, low, high = ratio(seconds, name, other)
            figures[name][other] = [middle, low, high]
            text += f"   {middle:.2f} ({low:.2f} to {high:.2f}) of {other}"
            text += f", goal {goal:g}{' MISSED' if middle > goal else ''}" if goal else ""
        print(text)

    line(LOADER, {})
    line(BY_INDEX, {LOADER: 0.0})
    for strategy in LOSS_BASED:
        line(strategy.key, {LOADER: BAR_LOADER, BY_INDEX: BAR_INDEX})
    for strategy in GRADIENT_BASED:
        own = [name for name in theirs if name.startswith(f"TorchJD {strategy.key},")]
        faster = min(own, key=lambda name: statistics.median(seconds[name]), default=None)
        line(strategy.key, {LOADER: 0.0} | ({faster: BAR_TORCHJD} if faster else {}))
    line(pack, {LOADER: 0.0, "equal": 0.0})
    for name in theirs:
        line(name, {LOADER: 0.0})
    if chosen.json:
        about = {"cpu": cpu_name(), "torch": torch.__version__, "tasks": len(data.spec.tasks), "batch": BATCH}
        chosen.json.write_text(json.dumps({**about, "variants": figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
