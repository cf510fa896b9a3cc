"""Whether the compiled kernel trains networks as good as torch's: the same trials with each, compared seed by seed.

python benchmarks/same_accuracy.py [--seeds 5] [--steps 2345] [--data FOLDER] [--source mnist]
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec
from mtlray.models import Computation
from mtlray.running.surroundings import keep_freed_memory
from mtlray.training.loop import train


def accuracy(trial: TrialSpec, data: Path, kernel: str) -> list[float]:
    """The test accuracy of both tasks after the last step."""
    (outcome,) = train(
        [trial],
        trial.dataset.load(data),
        Computation(torch.device("cpu"), kernel),
        checkpoints=[None],
        checkpoint_seconds=1e9,
        save=lambda _: None,
        progress=lambda _: None,
    )
    assert outcome.kernel == kernel
    return [outcome.rows[-1][f"test/{task.name}/accuracy"] for task in trial.tasks]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--steps", type=int, default=2345)
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    options.add_argument("--source", default="mnist")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    spec = MultiMNIST(source=chosen.source)
    spec.prepare(chosen.data)
    trial = TrialSpec(
        dataset=spec,
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.005, momentum=0.9),
        steps=chosen.steps,
        evaluate_every=chosen.steps,
    )
    measured = {"fused": [], "torch": []}
    for seed in range(chosen.seeds):
        for kernel, values in measured.items():
            values.append(accuracy(dataclasses.replace(trial, seed=seed), chosen.data, kernel))
    fused, plain = (np.array(measured[kernel]) for kernel in ("fused", "torch"))
    for t, task in enumerate(trial.tasks):
        one, two = fused[:, t], plain[:, t]
        p = stats.ttest_rel(one, two).pvalue if np.ptp(one - two) > 0 else 1.0
        print(
            f"{task.name}: fused {one.mean():.2f} ± {one.std(ddof=1):.2f} %, torch {two.mean():.2f} ± {two.std(ddof=1):.2f} %, "
            f"largest difference of a seed {np.abs(one - two).max():.2f}, paired t-test p = {p:.2f}"
        )


if __name__ == "__main__":
    main()
