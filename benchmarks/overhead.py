"""What Ray Tune and the ledger add to a trial: trials that train nothing, through the launcher that `mtlray run` uses.

usage: python benchmarks/overhead.py [--trials 1000] [--workers 1]

Each trial notes its start, commits a summary and reports, in a reused actor. Printed: the time of a trial beside its own work
(notes and commit, measured in the worker), the processor time of the driver, and how much the driver's memory grows with each.
"""

import argparse
import io
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console

LIMIT_MS, LIMIT_MB = 60.0, 0.5


def rss_mb():
    """Memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def make_noop(packs, job):
    """In the place of `mtlray.running.on_ray.trainable.make_trainable`."""
    own = str(Path(job.config.results) / "own-seconds")

    def trainable(config):
        from ray import tune

        from mtlray.results.states import Ending, TrialState
        from mtlray.running.pack import _Start

        began = time.perf_counter()
        (trial,) = packs[config["pack"]]
        ledger = job.ledger()
        _Start([trial], job, ledger, [ledger.folder(trial.trial_id)]).fail("trained nothing", "finished")
        with open(own, "a") as file:  # noqa: PTH123
            file.write(f"{time.perf_counter() - began}\n")
        tune.report({"step": trial.steps, "ended": [Ending(TrialState.DONE)]})

    return trainable


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()

    import mtlray.running.on_ray.trainable
    from mtlray import SGD, Equal, LeNet, MultiMNIST, RunConfig, TrialSpec
    from mtlray.identity.provenance import Commit
    from mtlray.running.job import Job
    from mtlray.running.on_ray.launching import OnRay
    from mtlray.running.progress import Display
    from mtlray.running.session import Session
    from mtlray.running.signals import Stop

    base = TrialSpec(
        dataset=MultiMNIST(source="mnist5k"), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=1
    )
    trials = [replace(base, seed=seed) for seed in range(options.trials)]
    mtlray.running.on_ray.trainable.make_trainable = make_noop
    with tempfile.TemporaryDirectory() as results:
        config = RunConfig(data=results, results=results, device="cpu", workers=options.workers)
        fingerprints = {base.dataset.label: ""}
        job = Job(sweep="overhead", config=config, commit=Commit("", False), fingerprints=fingerprints)
        moments = []  # when each trial ended, and the driver's memory then

        class Timed(Session):
            def ended(self, pack, ended):
                super().ended(pack, ended)
                moments.append((time.perf_counter(), time.process_time(), rss_mb()))

        session = Timed(job, Display(trials, Console(file=io.StringIO())), Stop())
        OnRay().run([(t,) for t in trials], session)
        own = [float(line) for line in (Path(results) / "own-seconds").read_text().split()]
    warm = len(moments) // 10  # the first trials start the actor and import torch
    (began, cpu, memory), (ended, cpu_end, memory_end) = moments[warm], moments[-1]
    n = len(moments) - 1 - warm
    each, mean_own = 1e3 * (ended - began) / n * options.workers, 1e3 * sum(own[warm:]) / len(own[warm:])
    growth = (memory_end - memory) / n
    print(f"{len(moments)} trials, {options.workers} at once, load {os.getloadavg()[0]:.1f}")
    print(f"a trial        {each:6.1f} ms, of which its own work {mean_own:.1f} ms")
    print(
        f"on top of it   {each - mean_own:6.1f} ms (limit {LIMIT_MS:g}); driver: {1e3 * (cpu_end - cpu) / n:.1f} ms of a core"
    )
    print(f"driver memory  {growth:6.3f} MB a trial (limit {LIMIT_MB:g}), {memory_end:.0f} MB")


if __name__ == "__main__":
    main()
