"""Training throughput of one Multi-MNIST trial against plain PyTorch loops on the same network, one thread each.

Slices of each variant run in turn, so that a machine that slows down slows all of them; what counts is the ratio of
samples per CPU second within a round, of which the median and the quartiles are printed.

    python benchmarks/throughput.py [--rounds 12] [--steps 40] [--data FOLDER] [--source mnist5k]
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.transforms import ToTensor

from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec
from mtlray.provenance import cpu_name
from mtlray.training import Run

BATCH = 128


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
    """Images as PIL objects, turned into tensors one by one."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self._images = [Image.fromarray(image) for image in images.numpy()]
        self._labels = labels
        self._transform = ToTensor()

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        return self._transform(self._images[i]), self._labels[i]


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
    """One step of a trial's own loop."""
    trial = TrialSpec(
        dataset=spec,
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.005, momentum=0.9),
        steps=10**9,
        batch_size=BATCH,
    )
    return Run([trial], spec.load(data), torch.device("cpu"), [None]).advance


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=12)
    options.add_argument("--steps", type=int, default=40, help="steps in a slice")
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    options.add_argument("--source", default="mnist5k")
    chosen = options.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec = MultiMNIST(source=chosen.source)
    spec.prepare(chosen.data)
    train = spec.load(chosen.data).splits["train"]
    images = train.inputs.values[:4000, 0]
    labels = torch.stack([train.targets[name].values[:4000].long() for name in ("left", "right")], dim=1)
    steps = {
        "PIL + DataLoader": textbook(PILDigits(images, labels), item=True),
        "TensorDataset + DataLoader": textbook(TensorDataset(images.unsqueeze(1).float() / 255, labels)),
        "mtlray": ours(spec, chosen.data),
    }
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for round_ in range(chosen.rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            for _ in range(chosen.steps):
                step()
            if round_ > 0:  # the first round warms up
                rates[name].append(chosen.steps * BATCH / (time.process_time() - start))
    print(
        f"{cpu_name()}, torch {torch.__version__}, one thread, {chosen.rounds} rounds of {chosen.steps} steps of {BATCH}"
    )
    for name, values in rates.items():
        print(f"  {name:<28} {statistics.median(values):7.0f} samples per CPU second")
    for name in list(steps)[:-1]:
        ratios = [mine / theirs for mine, theirs in zip(rates["mtlray"], rates[name], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(f"  mtlray is {middle:.2f} times {name} (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
