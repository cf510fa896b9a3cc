"""Training throughput on pictures: SegNet tiny on NYUv2 and VGG small on faces, against a plain loop over a DataLoader.

Each variant has a process of its own with one thread, and slices of them run in turn, as in throughput.py, whose functions it
uses. The data are random arrays on disk, of the shapes and types that the imports store; no data set is needed. The plain loop
reads the same arrays through a Dataset, in torch's default memory layout, and trains with the sum of the losses. The share of
waiting for data is by the clock on the wall.

    python benchmarks/images.py [--rounds 8] [--steps 4] [--json FILE]
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from throughput import Slice, measure
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mtlray import SGD, VGG, Equal, NYUv2, SegNet, TrialSpec, UTKFace
from mtlray.data import DatasetSpec
from mtlray.data.files import prepared
from mtlray.data.nyuv2.importing import folder_of
from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation, ModelSpec
from mtlray.running.surroundings import keep_freed_memory
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

OURS, MIXED, PLAIN = "mtlray", 'mtlray, precision="bf16"', "Dataset + DataLoader"
_H, _W = 288, 384
_NYU = {
    "images": ((3, _H, _W), "|u1", 0, 256),
    "depth": ((1, _H, _W), "<i2", 0, 30_000),
    "labels": ((_H, _W), "|i1", -1, 13),
    "normals": ((4, _H, _W), "|i1", -127, 128),
}
_FACES = {
    "images": ((3, 64, 64), "|u1", 0, 256),
    "ages": ((), "|u1", 0, 101),
    "genders": ((), "|u1", 0, 2),
    "subjects": ((), "<i4", -1, 0),
}
# As many examples as batches divide, so that every batch of an epoch is whole.
CASES: dict[str, tuple[DatasetSpec, ModelSpec, int]] = {
    "SegNet tiny, 144x192, batches of 8": (
        NYUv2(source="mat", downscale=2, n_images=(320, 2)),
        SegNet("tiny"),
        8,
    ),
    "VGG small, 64x64, batches of 32": (UTKFace(image_size=64, n_images=(1984, 2)), VGG("small"), 32),
}


def store(root: Path) -> None:
    """Random arrays in the place of the two imports."""
    rng = np.random.default_rng(0)
    for folder, columns, counts in (
        (folder_of(root, "mat"), _NYU, {"train": 320, "test": 2}),
        (root / "utkface" / "64px", _FACES, {"train": 1984, "test": 2}),
    ):

        def write(writer: prepared.Writer, columns: dict = columns, counts: dict = counts) -> None:
            for split, n in counts.items():
                for name, (shape, dtype, low, high) in columns.items():
                    with writer.rows(f"{split}-{name}", (n, *shape), dtype) as append:
                        for _ in range(n):
                            append(rng.integers(low, high, (1, *shape)).astype(dtype))

        prepared.prepare_rows(folder, write)


class Pictures(Dataset):
    """An example at a time, decoded as a data set's columns are."""

    def __init__(self, spec: DatasetSpec, root: Path) -> None:
        examples = spec.load(root).splits["train"]
        self._columns = [examples.inputs, *(examples.targets[task.name] for task in spec.tasks)]
        self._n = len(examples)

    def __len__(self) -> int:
        return self._n

    def __getitem__(self, i: int) -> list[Tensor]:
        return [column.gather(torch.tensor([[i]]), torch.float32)[0, 0] for column in self._columns]


def plain(case: str, root: Path, n_steps: int) -> Slice:
    spec, model, batch = CASES[case]
    network = model.build(spec.input_shape, spec.tasks)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    pictures = Pictures(spec, root)

    def batches() -> Iterator[list[Tensor]]:
        while True:
            yield from DataLoader(pictures, batch, shuffle=True, drop_last=True)

    stream = batches()

    def train() -> float:
        for _ in range(n_steps):
            x, *targets = next(stream)
            predictions = network(x)
            loss = sum(
                task.loss(prediction.unsqueeze(0), target.unsqueeze(0)).sum()
                for task, prediction, target in zip(spec.tasks, predictions, targets, strict=True)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return n_steps * batch

    return train


def ours(case: str, root: Path, n_steps: int, precision: str) -> Slice:
    keep_freed_memory()
    spec, model, batch = CASES[case]
    trial = TrialSpec(
        dataset=spec,
        model=model,
        strategy=Equal(),
        optimizer=SGD(lr=1e-4, momentum=0.9),
        steps=10**9,
        batch_size=batch,
        precision=precision,
    )
    cpu = torch.device("cpu")
    data = PackData([trial], spec.load(root), cpu)
    run = Run.of([trial], data, Computation(cpu))

    def train() -> float:
        started, data.batches.waited = time.monotonic(), 0.0
        for _ in range(n_steps):
            run.advance()
        share = data.batches.waited / (time.monotonic() - started)
        with (root / f"waited-{precision}").open("a") as file:
            file.write(f"{share}\n")
        return n_steps * batch

    return train


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=8)
    options.add_argument("--steps", type=int, default=4, help="steps in a slice")
    options.add_argument("--json", type=Path, help="also write the figures here")
    chosen = options.parse_args()
    figures = {}
    print(f"{cpu_name()}, torch {torch.__version__}, one thread, {chosen.rounds} rounds of {chosen.steps} steps")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store(root)
        for case, (spec, _, _) in CASES.items():
            spec.prepare(root)
            variants = {
                OURS: partial(ours, case, root, chosen.steps, "float32"),
                MIXED: partial(ours, case, root, chosen.steps, "bf16"),
                PLAIN: partial(plain, case, root, chosen.steps),
            }
            rates = measure(variants, chosen.rounds)
            waited = statistics.median(map(float, (root / "waited-float32").read_text().split()))
            (root / "waited-float32").unlink()
            print(f"  {case}: waiting for data {100 * waited:.2f} % of a step")
            table = {}
            for name, values in rates.items():
                ratios = [mine / theirs for mine, theirs in zip(rates[OURS], values, strict=True)]
                low, middle, high = statistics.quantiles(ratios, n=4)
                table[name] = {
                    "samples_per_cpu_second": statistics.median(values),
                    "ratio": middle,
                    "quartiles": [low, high],
                }
                print(f"    {name:<28} {statistics.median(values):7.1f} samples per CPU second", end="")
                print("" if name == OURS else f"   mtlray is {middle:.2f} times that ({low:.2f} to {high:.2f})")
            figures[case] = {"waiting": waited, "variants": table}
    if chosen.json:
        about = {"cpu": cpu_name(), "torch": torch.__version__}
        chosen.json.write_text(json.dumps({**about, **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
