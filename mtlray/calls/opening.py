"""The sweep that a call names, and the results folder that belongs to it."""

from pathlib import Path

from mtlray.errors import ResultsError, SpecError
from mtlray.identity.user_code.running import refuse_other_code
from mtlray.results.ledger import Ledger
from mtlray.results.part import WHOLE, Part
from mtlray.specs import SweepSpec
from mtlray.specs.sweepfile import load_sweep
from mtlray.sweep import Sweep

SweepLike = SweepSpec | str | Path
"""A sweep, or the path of a file that defines one."""


def opened(sweep: SweepLike, results: str | Path, part: Part = WHOLE) -> Sweep:
    """The sweep, or a part of it, with its results.

    Raises SpecError for what is neither a sweep nor a file of one, and as `refuse_other_code`.
    """
    if isinstance(sweep, SweepSpec):
        spec, module, path = sweep, None, Path("SWEEP")
    elif isinstance(sweep, str | Path):
        path = Path(sweep).expanduser()
        spec, module = load_sweep(path)
    else:
        raise SpecError(f"A sweep should be a SweepSpec or the path of a sweep file. Found `{sweep!r}`.")
    if spec.published is not None:
        from mtlray.analysis.grid.published import describe

        describe(spec.published)
    found = Sweep(spec, module, path, str(results), part=part)
    if module is None:
        for trial in found.trials:
            _ = trial.trial_id  # reads the code that it is made of
        refuse_other_code()
    return found


def ledger_of(folder: str | Path) -> Ledger:
    """The ledger of a sweep's own results folder, such as results/quickstart. Raises ResultsError where there is none."""
    text = str(folder) if "://" in str(folder) else str(Path(folder).expanduser().absolute())
    parent, _, name = text.rstrip("/").rpartition("/")
    ledger = Ledger(parent or "/", name)
    if not ledger.store.exists("sweep.json"):
        raise ResultsError(
            f"`{folder}` should be a sweep's results folder, with a file sweep.json, such as `results/NAME`. Found none."
        )
    return ledger
