"""Running a sweep or a single trial from Python."""

import dataclasses
import io
import os
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from mtlray.calls.opening import SweepLike, opened
from mtlray.calls.tables import frame_of
from mtlray.data.files.remote import make_ready
from mtlray.errors import LaunchError, SpecError, unknown_name
from mtlray.launch import launch
from mtlray.planning.wording import several
from mtlray.results.part import Part
from mtlray.running.bars import NotebookConsole, in_notebook
from mtlray.running.policy import COMPLETE, Policy
from mtlray.running.progress import Display, Terminal
from mtlray.running.rows import curves_table
from mtlray.running.surroundings import computation_of, surroundings
from mtlray.specs import RunConfig, TrialSpec
from mtlray.sweep import Sweep
from mtlray.training.loop import train


def run(
    sweep: SweepLike,
    *,
    results: str | Path = "results",
    in_process: bool = False,
    address: str | None = None,
    quiet: bool = False,
    retry: bool = False,
    shard: str = "1/1",
    **options: Any,
) -> pd.DataFrame:
    """Run what is missing of a sweep, as `mtlray run` does, and return its table, as `table` does.

    `sweep` is a SweepSpec or the path of a sweep file. `options` are those of the command with underscores, such as
    `workers=2` or `keep="best"`. Progress is shown as bars where there are any, else in lines; with `quiet` not at all. Call
    it again to continue; with `retry` trials that failed run again too. With `shard="2/4"` only the second of four parts of the
    grid runs, and the others may run elsewhere at the same time; the table is that of the whole sweep.

    Raises LaunchError where trials failed or are left, and MtlrayError where the sweep cannot start.
    """
    config, policy = _configured(options, results=str(results))
    sweep_ = opened(sweep, results, Part.read(shard, by_cell=config.pack_size != 1))
    if retry:
        sweep_.retry()
    console = _console(quiet)
    code = launch(sweep_, config, policy=policy, address=address, in_process=in_process, console=console)
    if code != COMPLETE:
        raise _incomplete(sweep_)
    return frame_of(sweep_)


def _incomplete(sweep: Sweep) -> LaunchError:
    after = sweep.plan()
    found, remedy = [], []
    if after.failed:
        ending = sweep.ledger.ending(after.failed[0].trial_id)
        found.append(f"{several(len(after.failed), 'trial')} failed, the first with: {ending.text if ending else '?'}")
        remedy.append("Fix the cause and run the failed trials again: `mtlray.run(..., retry=True)`.")
    if after.to_run:
        found.append(f"{several(len(after.to_run), 'trial')} left to run")
        remedy.append("Call it again to continue.")
    return LaunchError(f"Sweep {sweep.spec.name} should be complete. Found {', and '.join(found)}. {' '.join(remedy)}")


def trial(spec: TrialSpec, *, quiet: bool = False, **options: Any) -> pd.DataFrame:
    """Train one trial in this process and return its curve, one row for each evaluation; nothing is stored.

    The columns are those of a sweep's curves, of the tasks that the trial trains. `attrs["state"]` of the frame is "done" or
    "diverged". `options` as in `run`. Raises MtlrayError, and what the strategy or the model raises.
    """
    if not isinstance(spec, TrialSpec):
        raise SpecError(f"A trial should be a TrialSpec. Found `{spec!r}`. A whole sweep is run by `mtlray.run`.")
    config, _ = _configured(options)
    spec.check()
    root = Path(config.data)
    with surroundings(config), Display([spec], _console(quiet)) as display:
        make_ready(spec.dataset, root, config.data_from, display.note)
        (outcome,) = train(
            [spec],
            spec.dataset.load(root),
            computation_of(config),
            checkpoints=[None],
            checkpoint_seconds=float("inf"),
            save=lambda checkpoint: None,
            progress=lambda step: display.step(spec, step),
        )
    frame: pd.DataFrame = curves_table(spec, outcome.rows).to_pandas().dropna(axis="columns", how="all")
    frame.attrs |= {"trial_id": spec.trial_id, "state": str(outcome.state)}
    return frame


def _configured(options: dict[str, Any], **config: Any) -> tuple[RunConfig, Policy]:
    """The options by the class that each belongs to. Raises SpecError for an unknown one."""
    of: dict[type, dict[str, Any]] = {RunConfig: dict(config), Policy: {}}
    for cls in of:
        for field in dataclasses.fields(cls):
            if (value := os.environ.get(field.metadata.get("env", ""))) and field.name not in options:
                of[cls].setdefault(field.name, value)  # as the command line has it
    known = {field.name: cls for cls in of for field in dataclasses.fields(cls) if "help" in field.metadata}
    for name, value in options.items():
        if name not in known:
            raise unknown_name("option", name, known)
        of[known[name]][name] = str(value) if isinstance(value, Path) else value
    return RunConfig(**of[RunConfig]), Policy(**of[Policy])


def _console(quiet: bool) -> Console:
    if quiet:
        return Console(file=io.StringIO(), force_jupyter=False)
    return NotebookConsole() if in_notebook() else Terminal(force_jupyter=False)
