"""The sweep that a call names, and the results folder that belongs to it."""

from pathlib import Path

from mtlray.errors import SpecError
from mtlray.identity.user_code.running import refuse_other_code
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
