"""Trials an hour of one device when their seeds are trained in packs, and the hours that Table 1 of Gong et al. would take there.

Each size is a pack of that many seeds of `equal` on Multi-MNIST in batches of 128, one process, nothing else on the device. A
trial has 93,800 steps, evaluations not counted; the table has 120 of them, in packs of at most its ten seeds.

    python benchmarks/packs.py [--device cuda] [--sizes 1,10,20,40] [--rounds 3] [--data FOLDER] [--source mnist5k]
"""

import argparse
import statistics
from pathlib import Path

import torch

from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec
from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation
from mtlray.running.calibration import pack_rate
from mtlray.running.surroundings import keep_freed_memory

STEPS, TRIALS, SEEDS = 93_800, 120, 10


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options.add_argument("--sizes", default="1,10,20,40")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    options.add_argument("--source", default="mnist5k")
    chosen = options.parse_args()
    device, sizes = torch.device(chosen.device), [int(size) for size in chosen.sizes.split(",")]

    torch.set_num_threads(1)
    keep_freed_memory()
    spec = MultiMNIST(source=chosen.source)
    spec.prepare(chosen.data)
    dataset = spec.load(chosen.data)
    trials = [
        TrialSpec(
            dataset=spec,
            model=LeNet(),
            strategy=Equal(),
            optimizer=SGD(lr=0.005, momentum=0.9),
            steps=STEPS,
            batch_size=128,
            seed=seed,
        )
        for seed in range(max(sizes))
    ]
    rates: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(chosen.rounds):  # in turn, so that a machine that slows down slows all of them
        for size in sizes:
            rates[size].append(pack_rate(tuple(trials[:size]), dataset, Computation(device)))

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
    print(f"{name}, torch {torch.__version__}, one process, {chosen.rounds} rounds")
    alone = statistics.median(rates[sizes[0]])
    for size, found in rates.items():
        rate = statistics.median(found)
        line = f"  packs of {size:<3} {rate:8.1f} steps of a trial a second, {3600 * rate / STEPS:8.2f} trials an hour"
        line += f", {rate / alone:5.2f} times packs of {sizes[0]}"
        print(f"{line}, Table 1 in {TRIALS * STEPS / rate / 3600:.1f} h" if size <= SEEDS else line)


if __name__ == "__main__":
    main()
