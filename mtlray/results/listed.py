"""The trials that sweep.json lists: their names are those of files and folders, and somebody else may have written them."""

from typing import Any

from mtlray.errors import ResultsError
from mtlray.words.names import is_plain


def refuse_foreign_names(description: Any, where: str) -> None:
    """Raise ResultsError where the name of a sweep, data set or trial could lead out of its folder.

    What else may be wrong with a description is for its readers to say.
    """
    if not isinstance(description, dict):
        return
    names = [description.get("name", "a")]
    trials = description.get("trials")
    for trial in trials if isinstance(trials, list) else ():
        if isinstance(trial, dict):
            names += [trial[key] for key in ("trial_id", "dataset") if key in trial]
    for name in names:
        if not is_plain(name):
            raise ResultsError(
                f"Sweep, data sets and trials in {where} should have names of files in its folder. Found {name!r}. "
                "Launch the sweep again to write that file anew, or do not use it: somebody may have changed it."
            )
