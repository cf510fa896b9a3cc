"""How much of a training step is spent on waiting for data that is gathered from memory maps: SegNet on NYUv2, VGG16 on faces.

    python benchmarks/loader.py [--steps 5] [--device cpu]

The arrays are random, on disk, and larger than what is held in memory ahead; no data set is needed. The goal is below 5 %.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from mtlray import VGG, NYUv2, SegNet, UTKFace
from mtlray.data.base import Column, Examples
from mtlray.data.batches import LARGE, Batches
from mtlray.data.files import prepared
from mtlray.data.nyuv2.sample import DEPTH_STEP
from mtlray.models import Computation, Networks


def examples(folder, dataset, shapes, n):
    """Random columns on disk, of the shapes and types that the data set stores."""
    rng = np.random.default_rng(0)

    def write(writer):
        for name, (shape, dtype, low, high, _, _) in shapes.items():
            with writer.rows(name, (n, *shape), dtype) as append:
                for _ in range(n):
                    append(rng.integers(low, high, (1, *shape)).astype(dtype))

    prepared.prepare_rows(folder, write)
    arrays, _ = prepared.load(folder)
    columns = {name: Column(arrays[name], kind, scale) for name, (_, _, _, _, kind, scale) in shapes.items()}
    return Examples(columns["inputs"], {task.name: columns[task.name] for task in dataset.tasks})


def measure(name, dataset, model, split, batch, steps, device):
    """Mean seconds of a step, and the share of it that was spent on waiting."""
    computation = Computation(device, kernel="torch")
    networks = Networks(model, dataset.input_shape, dataset.tasks, (0,), computation)
    optimizer = torch.optim.SGD(list(networks.parameters.values()), lr=1e-6)
    n = len(split)

    def indices(number):
        return torch.randint(n, (1, batch), generator=torch.Generator().manual_seed(number))

    names = [task.name for task in dataset.tasks]
    batches = Batches(split, names, indices, steps + 2, device=device, dtype=torch.float32)
    for step in range(steps + 2):
        if step == 2:
            started, batches.waited = time.monotonic(), 0.0
        inputs, targets = batches.at(step)
        losses = networks.losses(inputs, targets, step)
        optimizer.zero_grad()
        losses.values.sum().backward()
        optimizer.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.monotonic() - started
    batches.close()
    share = 100 * batches.waited / seconds
    print(f"{name:30} {1000 * seconds / steps:8.1f} ms a step, waiting for data {share:.2f} %", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    torch.set_num_threads(1)
    size = (288, 384)
    nyu = {
        "inputs": ((3, *size), "|u1", 0, 256, "image", 1.0),
        "segmentation": (size, "|i1", -1, 13, "label", 1.0),
        "depth": ((1, *size), "<i2", 0, 30000, "number", DEPTH_STEP),
        "normals": ((4, *size), "|i1", -127, 128, "direction", 1.0),
    }
    faces = {
        "inputs": ((3, 224, 224), "|u1", 0, 256, "image", 1.0),
        "age": ((), "|u1", 0, 101, "label", 1.0),
        "gender": ((), "|u1", 0, 2, "label", 1.0),
    }
    with tempfile.TemporaryDirectory() as folder:
        dataset = NYUv2()
        split = examples(Path(folder) / "nyuv2", dataset, nyu, 300)
        assert split.n_bytes > LARGE
        measure("SegNet-split, batches of 2", dataset, SegNet(), split, 2, options.steps, device)
        other = UTKFace(n_images=(2000, 2))
        split = examples(Path(folder) / "faces", other, faces, 2000)
        assert split.n_bytes > LARGE
        batch = 64 if device.type == "cuda" else 8
        measure(f"VGG16, batches of {batch}", other, VGG(), split, batch, options.steps, device)


if __name__ == "__main__":
    main()
