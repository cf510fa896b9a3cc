"""A plan in words: what a person sees before a sweep starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from mtlray.planning.plan import Plan
from mtlray.planning.wording import duration, several
from mtlray.results.configuration import configuration
from mtlray.results.part import WHOLE, Part
from mtlray.specs import SweepSpec, TrialSpec
from mtlray.specs.axes import Axes
from mtlray.specs.description import labels
from mtlray.words.values import per_cent, shortest

_RAY_START = 15.0  # seconds until the first trial runs


@dataclass(frozen=True, slots=True)
class Workers:
    """How many trials run at once (None: what a cluster will have), and whether on GPUs."""

    number: int | None
    on_gpus: bool = False


def plan_text(
    spec: SweepSpec, trials: Sequence[TrialSpec], planned: Plan, workers: Workers, folder: str, part: Part = WHOLE
) -> str:
    """The question, the axes, and what is done and to run, with time and disk. The plan may be that of a part of the trials."""
    return "\n".join([*_axes(spec, trials), *_state(len(trials), planned, workers, folder, part)])


def _axes(spec: SweepSpec, trials: Sequence[TrialSpec]) -> list[str]:
    fractions = dict.fromkeys(f"{per_cent(t.fraction)} %" for t in trials)
    datasets = dict.fromkeys((t.dataset.label, t.dataset.origin) for t in trials)
    rates = dict.fromkeys((t.optimizer.label, t.optimizer.lr) for t in trials)
    cells = len({configuration(labels(spec, t)) for t in trials})
    steps = " or ".join(f"{n:,}" for n in sorted({t.steps for t in trials}))
    return [
        f"{spec.name}: {spec.question}",
        *(f"  data        {label}: {origin}" for label, origin in datasets),
        f"  strategies  {', '.join(dict.fromkeys(t.strategy.label for t in trials))}",
        *(
            [f"  optimizers  {'; '.join(f'{label} lr {shortest(rate)}' for label, rate in rates)}"]
            if len(rates) > 1
            else []
        ),
        f"  fractions   {', '.join(fractions)}; {several(len({t.seed for t in trials}), 'seed')}",
        *_further(spec, trials),
        f"  trials      {len(trials):,} in {several(cells, 'cell')}, {steps} steps each",
    ]


def _further(spec: SweepSpec, trials: Sequence[TrialSpec]) -> list[str]:
    """The further axes with their values, and the cells that they leave out."""
    if not spec.axes:
        return []
    values: dict[str, dict[str, None]] = {}
    for trial in trials:
        for name, value in Axes(spec.axes).of(trial).items():
            values.setdefault(name, {}).setdefault(shortest(value))
    listing = "; ".join(f"{name} {', '.join(found)}" for name, found in values.items())
    lines = [f"  axes        {listing}"]
    left_out = spec.left_out()
    reasons: dict[str, list[str]] = {}
    for name, part in left_out:
        reasons.setdefault(name, []).append(part)
    if left_out:
        why = "; ".join(
            f"{', '.join(parts)} {'has' if len(parts) == 1 else 'have'} no `{name.partition('.')[2]}`"
            for name, parts in reasons.items()
        )
        lines.append(f"  left out    {several(sum(left_out.values()), 'cell')}: {why}, and so one value of that axis")
    return lines


def _time(planned: Plan, workers: Workers) -> str:
    at_once = min(workers.number or 1, len(planned.to_run))
    if planned.measured:
        source = "measured on this sweep's finished trials"
    elif workers.on_gpus:
        source = "guessed for a CPU core instead of a GPU"
    else:
        source = "guessed for one CPU core per worker"
    about = f"about {duration(planned.device_seconds / at_once + _RAY_START)}"
    if workers.number is None:
        return f"{about} for one worker, {source}; the cluster decides how many run"
    one_each = ", on GPUs" if workers.on_gpus else ""
    return f"{about} with {several(workers.number, 'worker')}{one_each}, {source}"


def _state(n_trials: int, planned: Plan, workers: Workers, folder: str, part: Part) -> list[str]:
    counted = [
        f"{len(planned.to_run):,} to run" + (f" ({planned.resumable} started before)" if planned.resumable else ""),
        f"{len(planned.done):,} done",
    ]
    if planned.diverged:
        counted.append(f"{len(planned.diverged):,} diverged")
    if planned.failed:
        counted.append(f"{len(planned.failed):,} failed (`mtlray retry` lets them run again)")
    n_own = sum(map(len, (planned.to_run, planned.done, planned.diverged, planned.failed)))
    lines = [f"  shard       {part.words()}: {n_own:,} of these trials"] if part.words() else []
    lines.append(f"  state       {', '.join(counted)}")
    if planned.to_run:
        lines.append(f"  time        {_time(planned, workers)}")
        lines.append(f"  disk        about {planned.disk_bytes / 1e6:.1f} MB in {folder}")
    else:
        done = f"All {n_own:,} trials are finished" if n_own else "This part holds no trials"
        lines.append(f"  {done}: nothing to run.")
    if planned.damaged:
        lines.append(f"  damaged     {', '.join(planned.damaged)}: unreadable; their trials run again")
    if planned.others:
        lines.append(
            f"  note        {several(planned.others, 'other finished trial')} in the folder, not part of this sweep"
        )
    return lines
