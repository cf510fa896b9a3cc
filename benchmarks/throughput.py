"""Training throughput of one Multi-MNIST trial against other ways to train the same network, one thread each.

Each variant has a process of its own, and slices of them run in turn, so that a machine that slows down slows all of them.
What counts is the ratio of samples per CPU second within a round; its median and quartiles are printed, and the share that a
trial reaches of the machine's own speed in dense matrix products.

    python benchmarks/throughput.py [--rounds 12] [--steps 40] [--data FOLDER] [--source mnist5k]
                                    [--libmtl CHECKOUT] [--json FILE]
"""

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch
import torch.nn.functional as F
from libmtl_peer import libmtl
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import Compose, Normalize, ToTensor

from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec
from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation
from mtlray.models.kernels import choose_kernel
from mtlray.running.surroundings import keep_freed_memory
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

BATCH = 128
OURS, NO_COMPILER = "mtlray", "mtlray --kernel torch"
TENSORS, IMAGES = "TensorDataset + DataLoader", "PIL + DataLoader"
LIBMTL_TENSORS, LIBMTL_IMAGES = "LibMTL, tensors", "LibMTL, PIL"
PEAK = "dense matrix product"

# Multiplications and additions for one example, forward and backward; the images need no gradient. LeNet preset A.
_CONV1, _CONV2 = 32 * 32 * 25 * 10, 12 * 12 * 250 * 20
_LINEAR = 720 * 50 + 2 * (50 * 50 + 50 * 10)
FLOP = 2 * (2 * _CONV1 + 3 * _CONV2 + 3 * _LINEAR)


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


# Each variant is a function that trains one slice and returns how many examples it looked at.
Slice = Callable[[], float]


def textbook(dataset: Dataset, n_steps: int, *, item: bool = False) -> Slice:
    """A plain loop over a DataLoader; `item` reads the loss each step, as tutorials do."""
    network = TextbookLeNet()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.005, momentum=0.9)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from DataLoader(dataset, BATCH, shuffle=True, drop_last=True)

    stream = batches()

    def train() -> float:
        for _ in range(n_steps):
            x, y = next(stream)
            loss = sum(F.cross_entropy(output, y[:, task]) for task, output in enumerate(network(x)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if item:
                loss.item()
        return n_steps * BATCH

    return train


def ours(spec: MultiMNIST, data: Path, n_steps: int, kernel: str) -> Slice:
    """A trial's own loop, in a process set up as a trial's is."""
    keep_freed_memory()
    trial = TrialSpec(
        dataset=spec,
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.005, momentum=0.9),
        steps=10**9,
        batch_size=BATCH,
    )
    cpu = torch.device("cpu")
    run = Run.of([trial], PackData([trial], spec.load(data), cpu), Computation(cpu, kernel))

    def seen() -> int:
        epochs, batches = divmod(run.step, trial.batches_per_epoch)  # an epoch ends with a batch of what is left
        return epochs * trial.n_train + batches * BATCH

    def train() -> float:
        before = seen()
        for _ in range(n_steps):
            run.advance()
        return seen() - before

    return train


def matrix_products(n_steps: int) -> Slice:
    """As many operations as the variants count, in products of matrices of the size that runs fastest."""
    size = 768
    a, b, c = (torch.rand(size, size) for _ in range(3))
    n = max(1, round(n_steps * BATCH * FLOP / (2 * size**3)))

    def multiply() -> float:
        for _ in range(n):
            torch.mm(a, b, out=c)
        return n * 2 * size**3 / FLOP

    return multiply


def variant(name: str, spec: MultiMNIST, data: Path, n_steps: int, checkout: Path | None) -> Slice:
    """What runs one slice of a variant, by name."""
    if name in (OURS, NO_COMPILER):
        return ours(spec, data, n_steps, "auto" if name == OURS else "torch")
    if name == PEAK:
        return matrix_products(n_steps)
    train = spec.load(data).splits["train"]
    images = train.inputs.values[:, 0]
    labels = torch.stack([train.targets[task].values.long() for task in ("left", "right")], dim=1)
    tensors = TensorDataset(images.unsqueeze(1).float() / 255, labels)
    if name in (TENSORS, IMAGES):
        return (
            textbook(tensors, n_steps) if name == TENSORS else textbook(PILDigits(images, labels), n_steps, item=True)
        )
    assert checkout is not None
    return libmtl(
        checkout, tensors if name == LIBMTL_TENSORS else PILDigits(images, labels), TextbookLeNet, BATCH, n_steps
    )


def serve(make: Callable[[], Slice], pipe: Connection) -> None:
    """A process of its own for a variant: runs a slice whenever it is asked, answers with samples per CPU second."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    train = make()
    while pipe.recv():
        start = time.process_time()
        n_samples = train()
        pipe.send(n_samples / (time.process_time() - start))


def measure(variants: dict[str, Callable[[], Slice]], n_rounds: int) -> dict[str, list[float]]:
    """Samples per CPU second of each variant in each round."""
    context = multiprocessing.get_context("spawn")
    pipes = {}
    for name, make in variants.items():
        pipes[name], theirs = context.Pipe()
        context.Process(target=serve, args=(make, theirs), daemon=True).start()
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for round_ in range(n_rounds + 2):
        for name, pipe in pipes.items():
            pipe.send(True)
            rate = pipe.recv()
            if round_ >= 2:  # the first rounds warm up
                rates[name].append(rate)
    for pipe in pipes.values():
        pipe.send(False)
    return rates


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--steps", type=int, default=40, help="steps in a slice")
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    options.add_argument("--source", default="mnist5k")
    options.add_argument("--libmtl", type=Path, help="a checkout of LibMTL to compare with")
    options.add_argument("--json", type=Path, help="also write the figures here")
    chosen = options.parse_args()

    spec = MultiMNIST(source=chosen.source)
    spec.prepare(chosen.data)
    names = [OURS, NO_COMPILER, TENSORS, IMAGES, *([LIBMTL_TENSORS, LIBMTL_IMAGES] if chosen.libmtl else []), PEAK]
    variants = {name: partial(variant, name, spec, chosen.data, chosen.steps, chosen.libmtl) for name in names}
    rates = measure(variants, chosen.rounds)

    print(
        f"{cpu_name()}, torch {torch.__version__}, kernel {choose_kernel('auto')}, one thread, {chosen.rounds} rounds of "
        f"{chosen.steps} steps of {BATCH}"
    )
    table = {}
    for name, values in rates.items():
        compiled, plain = (
            statistics.quantiles((mine / theirs for mine, theirs in zip(rates[of], values, strict=True)), n=4)
            for of in (OURS, NO_COMPILER)
        )
        table[name] = {
            "samples_per_cpu_second": statistics.median(values),
            "ratio": compiled[1],
            "quartiles": [compiled[0], compiled[2]],
            "ratio_without_compiler": plain[1],
            "quartiles_without_compiler": [plain[0], plain[2]],
        }
        print(f"  {name:<28} {statistics.median(values):7.0f} samples per CPU second", end="")
        if name != OURS:
            print(f"   mtlray is {compiled[1]:.2f} times that ({compiled[0]:.2f} to {compiled[2]:.2f})", end="")
            if name != NO_COMPILER:
                print(f", with torch's kernels {plain[1]:.2f} ({plain[0]:.2f} to {plain[2]:.2f})", end="")
        print()
    peak = statistics.median(rates[PEAK]) * FLOP / 1e9
    share = table[PEAK]["ratio"]
    print(f"  {PEAK}s run at {peak:.0f} GFLOP/s; counted densely, a trial reaches {share:.0%} of that")
    if chosen.json:
        about = {"cpu": cpu_name(), "torch": torch.__version__, "batch": BATCH, "peak_gflops": peak}
        chosen.json.write_text(json.dumps({**about, "variants": table}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
