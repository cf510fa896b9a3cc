"""How many seeds one process trains together on a GPU: measured for a moment before a sweep starts."""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from mtlray.data import Dataset
from mtlray.data.base import Examples
from mtlray.models import Computation
from mtlray.planning.plan import packs
from mtlray.running.job import Job
from mtlray.running.pack import load
from mtlray.running.policy import is_out_of_memory
from mtlray.running.session import Pack
from mtlray.running.surroundings import computation_of, surroundings
from mtlray.specs import TrialSpec
from mtlray.training.evaluation import evaluate
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

_WARM_UP = 5  # steps; the first ones load kernels and fill the allocator
_TIMED = 20  # steps
_GROWTH = 0.05  # a pack that is less than this share faster than the best smaller one ends the search
_USABLE = 0.9  # of a GPU's memory

ON_CPU = "Pack size 1: on a CPU packs are slower than trials one by one."


@dataclass(frozen=True, slots=True)
class Calibration:
    """The measurement for one kind of trials: those whose steps cost the same."""

    size: int
    """The fastest pack."""
    rates: Mapping[int, float] = field(default_factory=dict)
    """Trials x steps a second, by pack size, as far as measured."""
    ended: str = ""
    """The error that ended the search before the largest pack."""
    used_bytes: int = 0
    """GPU memory that one process with the fastest pack takes; 0 where it was not measured."""
    total_bytes: int = 0

    def text(self, trial: TrialSpec) -> str:
        """One line for a person; `trial` is any of the kind."""
        line = f"Pack size {self.size} for {trial.dataset.label}, {trial.model.label}, {trial.strategy.key}"
        found = [f"{rate:,.0f} {'alone' if n == 1 else f'in packs of {n}'}" for n, rate in self.rates.items()]
        parts = [f"{', '.join(found)} (trials x steps a second)"] if found else []
        parts += [self.ended] if self.ended else []
        return f"{line}: {'; '.join(parts)}." if parts else f"{line}: there is no other seed to pack a trial with."


def candidates(n_seeds: int) -> list[int]:
    """Pack sizes to try: the powers of two below the number of seeds, and that number."""
    return [*(1 << i for i in range(n_seeds.bit_length()) if 1 << i < n_seeds), n_seeds]


def climb(sizes: Sequence[int], rate: Callable[[int], float], growth: float = _GROWTH) -> Calibration:
    """The pack size of the highest rate, from the smallest size upwards while the rate grows by the share `growth`.

    `rate` gives trials x steps a second. An error that it raises, such as of memory that ran out, ends the search, and the best
    of the smaller sizes stands; where there is none, 1, and the trial itself reports what is wrong.
    """
    rates: dict[int, float] = {}
    ended = ""
    for size in sizes:
        try:
            found = rate(size)
        except (
            Exception,
            SystemExit,
        ) as error:  # a sweep file's strategy or model may raise anything when it is packed
            what = "out of memory" if is_out_of_memory(error) else f"{type(error).__name__}: {error}"
            ended = f"ended at {size}: {' '.join(what.split())[:200].rstrip('.')}"
            break
        best = max(rates.values(), default=0.0)
        rates[size] = found
        if found < (1 + growth) * best:
            break
    return Calibration(max(rates, key=rates.__getitem__, default=1), rates, ended)


def seconds_of(
    step: Callable[[], object],
    *,
    synchronise: Callable[[], object],
    clock: Callable[[], float],
    warm_up: int = _WARM_UP,
    steps: int = _TIMED,
) -> float:
    """Seconds of `steps` steps after `warm_up` others, up to the device's end of the last one."""
    for _ in range(warm_up):
        step()
    synchronise()
    started = clock()
    for _ in range(steps):
        step()
    synchronise()
    return clock() - started


def pack_rate(
    trials: Pack, dataset: Dataset, computation: Computation, *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Trials x steps a second of a pack of these trials; raises what training them would.

    One batch is evaluated as well, outside the time: it may take more memory than a step. Nothing is kept, and torch's global
    generators stay as they were.
    """
    device = computation.device
    cuda = device.type == "cuda"

    def synchronise() -> None:
        if cuda:
            torch.cuda.synchronize(device)

    with torch.random.fork_rng(devices=[device] if cuda else []):
        short = [replace(trial, steps=_WARM_UP + _TIMED) for trial in trials]
        with closing(PackData(short, dataset, device)) as data:
            run = Run.of(short, data, computation)
            seconds = seconds_of(run.advance, synchronise=synchronise, clock=clock)
            batch = trials[0].dataset.evaluation_batch
            evaluate(run.networks, _first(data.splits["test"], batch), batch)
            synchronise()
    return len(trials) * _TIMED / seconds


def _first(examples: Examples, n: int) -> Examples:
    """The first `n` examples of a split."""
    some = torch.arange(min(n, len(examples)), device=examples.inputs.values.device)
    return replace(examples, rows=examples.located(some.unsqueeze(0))[0])


def kind_of(trial: TrialSpec) -> str:
    """What the time of a step depends on: trials of one kind get packs of one size."""
    strategy, names = trial.strategy, [task.name for task in trial.tasks]
    optimizer = type(trial.optimizer).__name__
    network = trial.dataset.label, repr(trial.model), names, trial.batch_size, trial.precision
    return repr((*network, strategy.key, strategy.batches_per_step, optimizer))


def largest_packs(trials: Sequence[TrialSpec]) -> dict[str, Pack]:
    """For each kind its largest possible pack; one trial where its model cannot be packed."""
    found: dict[str, Pack] = {}
    for pack in packs(trials, len(trials)):
        if len(pack) > len(found.get(kind_of(pack[0]), ())):
            found[kind_of(pack[0])] = pack
    return found


def calibrate(
    largest: Sequence[Pack],
    job: Job,
    *,
    probe_memory: bool = False,
    memory: Callable[[], tuple[int, int]] = torch.cuda.mem_get_info,
    stopped: Callable[[], bool] = lambda: False,
) -> list[Calibration]:
    """Measure each kind of trials, by its largest pack, on the device of this process, alone on it, with the sweep's data.

    With `probe_memory` the memory of one process is measured too, by `memory`, the device's free and all bytes. Errors of a
    trial end the search in its kind and are not raised; the trial reports them itself.
    """
    computation, fixed = computation_of(job.config), job.config.pack_size
    loaded: dict[str, Dataset] = {}

    def rate(pack: Pack, size: int) -> float:
        if computation.device.type == "cuda":
            gc.collect()
            torch.cuda.empty_cache()
        trial = pack[0]
        if trial.dataset.label not in loaded:
            loaded.clear()  # one data set at a time, in the order of the kinds
            loaded[trial.dataset.label] = load(trial, job, lambda line: None)
        return pack_rate(pack[:size], loaded[trial.dataset.label], computation)

    def one(pack: Pack) -> Calibration:
        sizes = candidates(len(pack)) if fixed == "auto" else [min(fixed, len(pack))]
        if sizes == [1] and not probe_memory:
            return Calibration(1)
        found = climb(sizes, partial(rate, pack))
        if not probe_memory or not found.rates:
            return found
        if len(found.rates) > 1 or found.ended:
            rate(pack, found.size)  # what the allocator holds now may be a larger pack's
        free, total = memory()
        return replace(found, used_bytes=total - free, total_bytes=total)

    with surroundings(job.config):
        found = [Calibration(1, ended="stopped") if stopped() else one(pack) for pack in largest]
        gc.collect()  # before the surroundings hand the allocator's memory back to the GPU
    return found


def repacked(
    trials: Sequence[TrialSpec], largest: Mapping[str, Pack], found: Sequence[Calibration], say: Callable[[str], object]
) -> list[Pack]:
    """The trials in packs of the sizes found for their kinds; each size is reported."""
    by_kind = dict(zip(largest, found, strict=True))
    for kind, pack in largest.items():
        say(by_kind[kind].text(pack[0]))
    return packs(trials, lambda trial: by_kind[kind_of(trial)].size)


def gpu_share(calibrations: Sequence[Calibration], n_cores: int) -> float:
    """The largest 1/k of a GPU so that k processes fit into 90 % of its memory and each has a core; 1 where none was measured."""
    fitting = [int(_USABLE * c.total_bytes / c.used_bytes) for c in calibrations if c.used_bytes]
    return 1 / max(1, min([*fitting, n_cores])) if fitting else 1.0
