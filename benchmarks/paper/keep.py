"""Keep a sweep's finished trials in the repository: copy their sealed files from a results folder, and merge them there.

python benchmarks/paper/keep.py sweeps/gong2019_table1.py --results RESULTS [--seeds 0:3] [--to docs/results]

The results folder is only read, so that a sweep may be running in it. What is kept is what tables, Figure 1 and
`benchmarks/paper/agreement.py` read: summaries, curves, and the stored representations of the figure's rows. A trial that was
kept before stays. Then run `python benchmarks/paper/write.py`.
"""

import argparse
import dataclasses
from collections.abc import Collection
from pathlib import Path

from mtlray.analysis.figures.kinds.gong2019_figure1 import ROWS
from mtlray.errors import ResultsError
from mtlray.results.ledger import Ledger
from mtlray.results.states import TrialState
from mtlray.specs import SweepSpec
from mtlray.specs.sweepfile import load_sweep
from mtlray.storage.seal import facts_of

KEPT = Path(__file__).resolve().parents[2] / "docs" / "results"


def keep(spec: SweepSpec, results: str, target: str) -> tuple[int, int]:
    """Copy and merge; returns how many of the sweep's trials are now kept, and how many it has.

    Failed trials are not kept: they may still run again. Raises ResultsError where there is nothing to keep, and where files of
    the results folder or of what was kept before do not open.
    """
    trials = spec.trials()
    source, kept = Ledger(results, spec.name), Ledger(target, spec.name)
    records, damaged = source.records()
    if damaged:
        raise ResultsError(f"All files in {source.store.where('')} should open. Found damaged: {', '.join(damaged)}.")
    planned = {trial.trial_id for trial in trials}
    done = {i for i, record in records.items() if i in planned and record.state is not TrialState.FAILED}
    if not done:
        raise ResultsError(f"{source.store.where('')} should hold a finished trial of {spec.name}. Found none.")
    for folder in (*(f"curves/{dataset}" for dataset in source.datasets()), "summary"):  # the summary makes it finished
        _copy(source, kept, folder, done)
    shown = {
        trial.trial_id
        for trial in trials
        if trial.strategy.key in ROWS.values() and (trial.seed, trial.fraction) == (spec.seeds[0], max(spec.fractions))
    }
    for dataset in source.store.names("representations"):
        for name in source.store.names(f"representations/{dataset}"):
            if name.rpartition("-")[0] in shown & done:
                path = f"representations/{dataset}/{name}"
                kept.store.write(path, source.store.read(path))
    kept.write_sweep(spec.describe(trials))
    kept.compact()
    kept.forget(set(kept.records()[0]) - planned)  # which lay in one file with these
    return len(kept.records()[0]), len(planned)


def _copy(source: Ledger, kept: Ledger, folder: str, wanted: Collection[str]) -> None:
    """Copy the sealed files of a folder that hold a wanted trial, byte for byte."""
    for name in source.store.names(folder):
        if name.endswith(".parquet"):
            data = source.store.read(f"{folder}/{name}")
            facts = facts_of(data)
            if facts is not None and not set(wanted).isdisjoint(facts["trials"]):
                kept.store.write(f"{folder}/{name}", data)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("sweep", type=Path, help="the sweep file")
    options.add_argument("--results", required=True, help="the folder that `mtlray run --results` was given")
    options.add_argument("--seeds", help="only these, as 0:3; the table then counts no others")
    options.add_argument("--steps", type=int, help="for a shortened sweep, as `mtlray run --steps`")
    options.add_argument("--to", default=str(KEPT), help="where to keep them")
    chosen = options.parse_args()
    spec, _ = load_sweep(chosen.sweep)
    if chosen.seeds is not None:
        spec = dataclasses.replace(spec, seeds=range(*map(int, chosen.seeds.split(":"))))
    if chosen.steps is not None:
        spec = spec.narrowed(steps=chosen.steps)
    try:
        n_kept, n_planned = keep(spec, chosen.results, chosen.to)
    except ResultsError as error:
        raise SystemExit(f"Error: {error}") from None
    print(f"{n_kept} of {n_planned} trials of {spec.name} are in {chosen.to}/{spec.name}")


if __name__ == "__main__":
    main()
