"""One trial of Table 1 or 2 of Gong et al. 2019 in plain PyTorch, beside the same cell of a sweep: an independent check.

python benchmarks/plain_gong2019.py --table 1 [--row equal] [--fraction 1] [--steps 93800] [--data FOLDER] [--beside RESULTS]

Nothing of mtlray is in the network, the losses or the loop: torch's own layers and optimizer, written down again from
docs/paper.md, with random numbers of their own. The pairs of digits are read by numpy from where `mtlray data prepare
sweeps/gong2019_table1.py` put them. `--beside` names the results folder of the sweep, with whose seeds the trial is compared at
the end: an independent run of the same setting should end within their spread. A full-length trial takes half an hour and more.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

EVERY = 469  # steps between evaluations
BATCH = 128
ROWS = ("stl", "equal", "dwa", "uncertainty", "revised_uncertainty")


class Network(nn.Module):
    """The trunk and a head for each task; a reconstruction has a decoder."""

    def __init__(self, tasks):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(10, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(720, 50), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.ModuleDict({task: decoder() if task == "reconstruct" else classifier() for task in tasks})

    def forward(self, images):
        embedding = self.trunk(images)
        return {task: head(embedding) for task, head in self.heads.items()}


def classifier():
    return nn.Sequential(nn.Linear(50, 50), nn.ReLU(), nn.Linear(50, 10))


def decoder():
    return nn.Sequential(nn.Linear(50, 512), nn.ReLU(), nn.Linear(512, 36 * 36), nn.Sigmoid())


def loss_of(task, predicted, targets):
    """Cross entropy of digits; mean squared error over the pixels of the right digit at its place."""
    if task == "reconstruct":
        return F.mse_loss(predicted, targets.flatten(1))
    return F.cross_entropy(predicted, targets)


class Weighting:
    """How a row combines its losses. Learned numbers are in `learned`; DWA counts epochs."""

    def __init__(self, row, tasks):
        self.row, self.tasks = row, tasks
        start = {"uncertainty": 0.0, "revised_uncertainty": 1.0}.get(row)
        self.learned = [] if start is None else [nn.Parameter(torch.tensor(start)) for _ in tasks]
        self.weights = [1.0] * len(tasks)
        self.epochs: list[np.ndarray] = []

    def objective(self, losses):
        if self.row == "uncertainty":  # s = log sigma^2: exp(-s) L + s/2, of a Gaussian likelihood (exp(-s) L + s)/2
            factors = [0.5 if task == "reconstruct" else 1.0 for task in self.tasks]
            return sum(f * torch.exp(-s) * x + s / 2 for f, s, x in zip(factors, self.learned, losses, strict=True))
        if self.row == "revised_uncertainty":
            return sum(x / (2 * c**2) + torch.log(1 + c**2) for c, x in zip(self.learned, losses, strict=True))
        return sum(w * x for w, x in zip(self.weights, losses, strict=True))

    def end_epoch(self, means):
        self.epochs.append(means)
        if self.row == "dwa" and len(self.epochs) >= 2:
            ratio = np.exp(self.epochs[-1] / self.epochs[-2] / 2)
            self.weights = (len(means) * ratio / ratio.sum()).tolist()


def read(folder: Path):
    """Images `[n, 1, 36, 36]` in [0, 1], classes `[n, 2]` and the right digit `[n, 36, 36]`, of both splits."""
    made = {}
    for split in ("train", "test"):
        images, labels, right = (np.load(folder / f"{split}-{name}.npy") for name in ("images", "labels", "right"))
        pixels = [torch.from_numpy(array.astype(np.float32) / 255) for array in (images, right)]
        classes = torch.from_numpy(labels.astype(np.int64))
        made[split] = pixels[0].unsqueeze(1), {"left": classes[:, 0], "right": classes[:, 1], "reconstruct": pixels[1]}
    return made


@torch.no_grad()
def accuracies(network, images, targets):
    """Per cent of right classes, for each task that has some."""
    right = {task: 0 for task in network.heads if task != "reconstruct"}
    for part in torch.arange(len(images)).split(1000):
        predicted = network(images[part])
        for task in right:
            right[task] += int((predicted[task].argmax(1) == targets[task][part]).sum())
    return {task: 100 * n / len(images) for task, n in right.items()}


def train(data, tasks, row, *, rate, fraction, steps, seed):
    """The accuracies at each evaluation, as a list of dicts."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    images, targets = data["train"]
    subset = rng.permutation(len(images))[: round(fraction * len(images))]
    network, weighting = Network(tasks), Weighting(row, tasks)
    optimizer = torch.optim.SGD([*network.parameters(), *weighting.learned], lr=rate, momentum=0.9)
    step, found = 0, []
    while step < steps:
        seen: list[list[float]] = []
        for batch in torch.from_numpy(rng.permutation(subset)).split(BATCH):
            predicted = network(images[batch])
            losses = [loss_of(task, predicted[task], targets[task][batch]) for task in tasks]
            optimizer.zero_grad()
            weighting.objective(losses).backward()
            optimizer.step()
            seen.append([float(loss.detach()) for loss in losses])
            step += 1
            if step % EVERY == 0 or step == steps:
                found.append(accuracies(network, *data["test"]))
                print(f"step {step:,}: {', '.join(f'{t} {a:.2f} %' for t, a in found[-1].items())}", flush=True)
            if step == steps:
                break
        else:
            weighting.end_epoch(np.mean(seen, axis=0))
    return found


def selected(found, task):
    """One number by each rule that needs no validation split."""
    values = [evaluation[task] for evaluation in found]
    return {"best_test": max(values), "last": values[-1], "mean_last_10": float(np.mean(values[-10:]))}


def beside(results, strategy, fraction, task, ours):
    """Our numbers beside those of the seeds of a sweep."""
    from mtlray.analysis import load

    summary = load(results).summary
    rows = summary[(summary["strategy"] == strategy) & (summary["fraction"] == fraction) & (summary["task"] == task)]
    rows = rows[(rows["metric"] == "accuracy") & (rows["state"] == "done")]
    for name, value in ours.items():
        seeds = rows[name].dropna()
        if len(seeds):
            spread = f"{seeds.min():.2f} to {seeds.max():.2f}, mean {seeds.mean():.2f} of {len(seeds)} seeds"
            inside = "within" if seeds.min() <= value <= seeds.max() else "outside"
            by = (
                ""
                if len(seeds) < 2
                else f", {abs(value - seeds.mean()) / seeds.std():.1f} standard deviations from the mean"
            )
            print(f"{task} {name}: {value:.2f}, {inside} {spread}{by}")
        else:
            print(f"{task} {name}: {value:.2f}; {results} has no finished trial of {strategy} at {fraction:g}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--table", type=int, choices=(1, 2), required=True)
    options.add_argument("--row", choices=ROWS, default="equal")
    options.add_argument("--task", choices=("left", "right"), default="left", help="the task of a single-task trial")
    options.add_argument("--fraction", type=float, default=1.0)
    options.add_argument("--steps", type=int, default=200 * 469)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray"), help="as `mtlray run --data`")
    options.add_argument("--beside", metavar="RESULTS", help="the sweep's results, to compare with")
    options.add_argument("--out", type=Path, help="a JSON file for all evaluations")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    both = ("left", "right") if chosen.table == 1 else ("left", "reconstruct")
    tasks = (chosen.task,) if chosen.row == "stl" else both
    # The name ends in a digest of what the arrays are made of: source, layout, digits held out, size, seed of the pairs.
    digest = hashlib.sha256(json.dumps(["mnist", "sener", 0, 36, 0]).encode()).hexdigest()[:8]
    folder = chosen.data.expanduser() / "prepared" / f"multi_mnist-sener-mnist-{digest}"
    if not folder.is_dir():
        raise SystemExit(
            f"{chosen.data} has no Multi-MNIST. Make it with `mtlray data prepare sweeps/gong2019_table1.py`."
        )
    started = time.monotonic()
    found = train(
        read(folder), tasks, chosen.row,
        rate=0.005 if chosen.table == 1 else 0.001, fraction=chosen.fraction, steps=chosen.steps, seed=chosen.seed,
    )  # fmt: skip
    print(f"{chosen.steps:,} steps in {time.monotonic() - started:,.0f} s")
    if chosen.out:
        chosen.out.write_text(json.dumps(vars(chosen) | {"evaluations": found}, default=str))
    for task in found[-1]:
        ours = selected(found, task)
        if chosen.beside:
            strategy = f"stl:{chosen.task}" if chosen.row == "stl" else chosen.row
            beside(chosen.beside, strategy, chosen.fraction, task, ours)
        else:
            print(f"{task}: {', '.join(f'{name} {value:.2f}' for name, value in ours.items())}")


if __name__ == "__main__":
    main()
