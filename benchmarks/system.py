"""What surrounds training: starting, planning, evaluating, and a second worker. Times are CPU seconds, medians.

python benchmarks/system.py [--data FOLDER] [--json FILE]
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from mtlray import DWA, SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec
from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation
from mtlray.running.surroundings import keep_freed_memory
from mtlray.training.curve import Curves
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

REPEATS = 5


def cpu_seconds(function: Callable[[], object]) -> float:
    """CPU seconds of one call, those of finished child processes included."""

    def used() -> float:
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in usage)

    before = used()
    function()
    return used() - before


def median(function: Callable[[], object]) -> float:
    return statistics.median(cpu_seconds(function) for _ in range(REPEATS))


def python(code: str, *arguments: str) -> Callable[[], object]:
    command = [sys.executable, "-c", code, *arguments]
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def big_sweep() -> SweepSpec:
    """10,000 trials, which plan without data."""
    base = TrialSpec(
        dataset=MultiMNIST(), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.005, momentum=0.9), steps=93_800
    )
    return SweepSpec(
        name="big",
        question="How long does planning take?",
        base=base,
        strategies=[DWA(temperature=1 + i / 100) for i in range(100)],
        fractions=(1.0, 0.25),
        seeds=range(50),
        selection="best_test",
    )


def plan() -> None:
    assert len(big_sweep().trials()) == 10_000


def begin(data: Path) -> tuple[Run, Curves]:
    """A trial before its first step, and what writes its curve."""
    keep_freed_memory()
    torch.set_num_threads(1)
    spec = MultiMNIST(source="mnist5k")
    spec.prepare(data)
    trial = TrialSpec(dataset=spec, model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.005, momentum=0.9), steps=10**9)
    cpu = torch.device("cpu")
    of_trial = PackData([trial], spec.load(data), cpu)
    run = Run.of([trial], of_trial, Computation(cpu))
    return run, Curves([trial], of_trial, run)


def steps(run: Run, n: int) -> Callable[[], None]:
    def advance() -> None:
        for _ in range(n):
            run.advance()

    return advance


def work(data: Path, n: int, ready: object, go: object, done: object) -> None:
    """A worker: warms up, waits, makes `n` steps and reports its wall time."""
    run, _ = begin(data)
    steps(run, 20)()
    ready.release()
    go.wait()
    start = time.perf_counter()
    steps(run, n)()
    done.put(time.perf_counter() - start)


def rate(data: Path, workers: int, n: int = 300) -> float:
    """Steps a second, by the clock on the wall, of so many workers together."""
    context = multiprocessing.get_context("spawn")
    ready, go, done = context.Semaphore(0), context.Event(), context.Queue()
    started = [context.Process(target=work, args=(data, n, ready, go, done)) for _ in range(workers)]
    for process in started:
        process.start()
    for _ in started:
        ready.acquire()
    go.set()
    slowest = max(done.get() for _ in started)
    for process in started:
        process.join()
    return workers * n / slowest


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path("~/.cache/mtlray").expanduser())
    options.add_argument("--json", type=Path, help="also write the figures here")
    chosen = options.parse_args()

    bare = median(python("pass"))
    figures = {
        "import mtlray, s": median(python("import mtlray")) - bare,
        "mtlray --help, s": median(python("from mtlray.cli import main; main()", "--help")) - bare,
        "plan 10,000 trials, s": median(plan),
    }
    run, curves = begin(chosen.data)
    steps(run, 20)()
    n_test = MultiMNIST(source="mnist5k").n_examples("test")
    per_step = median(steps(run, 100)) / 100
    evaluation = median(curves.evaluate) * 10_000 / n_test
    figures["one step of 128, ms"] = 1e3 * per_step
    figures["evaluation of 10,000 examples, ms"] = 1e3 * evaluation
    figures["evaluation / training between, at one each 469 steps"] = evaluation / (469 * per_step)
    alone, together = zip(*((rate(chosen.data, 1), rate(chosen.data, 2)) for _ in range(3)), strict=True)
    figures["two workers / one, by the wall clock"] = statistics.median(
        b / a for a, b in zip(alone, together, strict=True)
    )
    figures["peak memory of a worker, MiB"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{cpu_name()}, torch {torch.__version__}, kernel {run.kernel}")
    for name, value in figures.items():
        print(f"  {name:<55} {value:8.3f}")
    if chosen.json:
        about = {"cpu": cpu_name(), "torch": torch.__version__, "kernel": run.kernel}
        chosen.json.write_text(json.dumps({**about, **figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
