"""Training throughput of one Multi-MNIST trial against plain PyTorch loops on the same network, one thread each.

Each variant has a process of its own, and slices of them run in turn, so that a machine that slows down slows all of them.
What counts is the ratio of samples per CPU second within a round; its median and quartiles are printed.

    python benchmarks/throughput.py [--rounds 12] [--steps 40] [--data FOLDER] [--source mnist5k]
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import Compose, Normalize, ToTensor

from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec
from mtlray.memory import keep_freed_memory
from mtlray.provenance import cpu_name
from mtlray.training import Run

BATCH = 128
VARIANTS = ("mtlray", "TensorDataset + DataLoader", "PIL + DataLoader")


class TextbookLeNet(nn.Module):
    """LeNet preset A as a tutorial writes it: ReLU before pooling, default memory layout."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(10, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(720, 50), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10)) for _ in range(2))

    def forward(self, x: Tensor) -> list[Tensor]:
        z = self.trunk(x)
        return [head(z) for head in self.heads]


class PILDigits(Dataset):
    """What torchvision.datasets.MNIST does for each example: array to PIL image, ToTensor, Normalize."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self._images, self._labels = images, labels
        self._transform = Compose([ToTensor(), Normalize((0.1307,), (0.3081,))])

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self._transform(Image.fromarray(self._images[i].numpy())), self._labels[i]


def textbook(dataset: Dataset, *, item: bool = False) -> Callable[[], None]:
    """One step of a plain loop over a DataLoader; `item` reads the loss each step, as tutorials do."""
    network = TextbookLeNet()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.005, momentum=0.9)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from DataLoader(dataset, BATCH, shuffle=True, drop_last=True)

    stream = batches()

    def step() -> None:
        x, y = next(stream)
        loss = sum(F.cross_entropy(output, y[:, task]) for task, output in enumerate(network(x)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if item:
            loss.item()

    return step


def ours(spec: MultiMNIST, data: Path) -> Callable[[], None]:
    """One step of a trial's own loop, in a process set up as a trial's is."""
    keep_freed_memory()
    trial = TrialSpec(
        dataset=spec,
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.005, momentum=0.9),
        steps=10**9,
        batch_size=BATCH,
    )
    return Run([trial], spec.load(data), torch.device("cpu"), [None]).advance


def variant(name: str, spec: MultiMNIST, data: Path) -> Callable[[], None]:
    """The step function of a variant, by name."""
    if name == "mtlray":
        return ours(spec, data)
    train = spec.load(data).splits["train"]
    images = train.inputs.values[:, 0]
    labels = torch.stack([train.targets[task].values.long() for task in ("left", "right")], dim=1)
    if name == "PIL + DataLoader":
        return textbook(PILDigits(images, labels), item=True)
    return textbook(TensorDataset(images.unsqueeze(1).float() / 255, labels))


def serve(name: str, spec: MultiMNIST, data: Path, n_steps: int, pipe: Connection) -> None:
    """A process of its own for a variant: runs a slice whenever it is asked, answers with samples per CPU second."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    step = variant(name, spec, data)
    while pipe.recv():
        start = time.process_time()
        for _ in range(n_steps):
            step()
        pipe.send(n_steps * BATCH / (time.process_time() - start))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--steps", type=int, default=40, help="steps in a slice")
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    options.add_argument("--source", default="mnist5k")
    chosen = options.parse_args()

    spec = MultiMNIST(source=chosen.source)
    spec.prepare(chosen.data)
    context = multiprocessing.get_context("spawn")
    pipes = {}
    for name in VARIANTS:
        pipes[name], theirs = context.Pipe()
        context.Process(target=serve, args=(name, spec, chosen.data, chosen.steps, theirs), daemon=True).start()
    rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for round_ in range(chosen.rounds + 2):
        for name, pipe in pipes.items():
            pipe.send(True)
            rate = pipe.recv()
            if round_ >= 2:  # the first rounds warm up
                rates[name].append(rate)
    for pipe in pipes.values():
        pipe.send(False)
    print(
        f"{cpu_name()}, torch {torch.__version__}, one thread, {chosen.rounds} rounds of {chosen.steps} steps of {BATCH}"
    )
    for name, values in rates.items():
        print(f"  {name:<28} {statistics.median(values):7.0f} samples per CPU second")
    for name in VARIANTS[1:]:
        ratios = [mine / theirs for mine, theirs in zip(rates["mtlray"], rates[name], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"  mtlray is {middle:.2f} times {name} (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
