"""Speed of training under each strategy relative to `equal`: two tasks on LeNet, batches of 128, one thread.

All strategies live in one process. Before each short slice of a strategy's steps comes a slice of `equal`, and what counts is the
ratio of the two in CPU time, which a busy machine slows alike; its median and quartiles over the rounds are printed. The order of
the strategies is drawn anew each round. A method that looks at several batches a step is judged by samples per second, one of one
batch by steps per second, which is the same.

    python benchmarks/strategies.py [--strategies dwa,mgda] [--rounds 15] [--steps 10] [--data FOLDER]
"""

import argparse
import random
import statistics
import time
from pathlib import Path

import torch

from mtlray import SGD, Equal, LeNet, MultiMNIST, TrialSpec, every_strategy
from mtlray.errors import unknown_name
from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation
from mtlray.running.surroundings import keep_freed_memory
from mtlray.strategies import AbstractStrategy
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

# Samples per second relative to `equal`. MGDA-UB takes K gradients at the representation alone; FAMO's second look at the batch
# is a forward pass, about a third of a step.
BARS = {"baseline": 0.95, "loss-based": 0.95, "gradient-based": 0.6}
BAR_OF = {"mgda_ub": 0.85, "famo": 0.65}


def seconds(run: Run, n_steps: int) -> float:
    """CPU seconds of some steps of a trial's own loop."""
    start = time.process_time()
    for _ in range(n_steps):
        run.advance()
    return time.process_time() - start


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--strategies", help="only these keys, with commas between them")
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--steps", type=int, default=10, help="steps in a slice")
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    chosen = options.parse_args()

    torch.set_num_threads(1)
    keep_freed_memory()
    spec = MultiMNIST(source="mnist5k")
    spec.prepare(chosen.data)
    data = spec.load(chosen.data)
    strategies = {s.label: s for s in every_strategy(spec.tasks, points=1) if s.key != "stl"}
    if chosen.strategies:
        wanted = chosen.strategies.split(",")
        for key in wanted:
            if key not in {s.key for s in strategies.values()}:
                raise unknown_name("strategy", key, {s.key for s in strategies.values()})
        strategies = {label: s for label, s in strategies.items() if s.key in wanted}

    cpu = torch.device("cpu")

    def start(strategy: AbstractStrategy) -> Run:
        trial = TrialSpec(
            dataset=spec, model=LeNet(), strategy=strategy, optimizer=SGD(lr=0.005, momentum=0.9), steps=10**9
        )
        return Run.of([trial], PackData([trial], data, cpu), Computation(cpu))

    reference, runs = start(Equal()), {label: start(strategy) for label, strategy in strategies.items()}
    ratios: dict[str, list[float]] = {label: [] for label in runs}
    plain: list[float] = []
    order = random.Random(0)
    for round_ in range(chosen.rounds + 1):
        for label in order.sample(list(runs), len(runs)):
            base, own = seconds(reference, chosen.steps), seconds(runs[label], chosen.steps)
            if round_ > 0:  # the first round warms up
                plain.append(chosen.steps / base)
                ratios[label].append(base / own)
    print(
        f"{cpu_name()}, torch {torch.__version__}, one thread, {chosen.rounds} rounds of {chosen.steps} steps of 128; "
        f"equal makes {statistics.median(plain):.0f} steps a CPU second"
    )
    width = max(map(len, runs))
    print(f"  {'strategy':<{width}}  median  quartiles     bar   batches a step")
    for label, found in ratios.items():
        strategy = strategies[label]
        n = strategy.batches_per_step
        low, middle, high = (n * ratio for ratio in statistics.quantiles(found, n=4))
        bar = BAR_OF.get(strategy.key, BARS[strategy.kind])
        verdict = "  below" if middle < bar else ""
        print(f"  {label:<{width}}  {middle:.2f}    {low:.2f} to {high:.2f}  {bar:.2f}  {n}{verdict}")


if __name__ == "__main__":
    main()
