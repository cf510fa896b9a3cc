"""Curves by backward passes: each metric on the test split against the passes through the trunk that were made."""

import re

import pandas as pd

from mtlray.analysis.figures.kinds.learning import against
from mtlray.analysis.figures.lines import Horizontal
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene, listed

_PASSES = "mtlray passes"  # no column of curves is called so
_TERM = re.compile(r"\s*(\d*)\s*(K?)\s*(heads|fwd)?\s*")


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve or no number of passes was recorded."""
    curves = with_passes(scene)
    known = curves[_PASSES].notna()
    if not known.any():
        raise NothingToDraw("the trials do not say how many backward passes a step takes")
    unknown = sorted(set(curves.loc[~known, "series"]) - set(curves.loc[known, "series"]))
    over = Horizontal(column=_PASSES, label="backward passes through the trunk", written=lambda x: f"{x:,.0f}")
    return against(
        scene, over, curves[known], "Test values against the backward passes through the trunk so far; passes through heads "
        "alone and forward passes are not counted. Single-task trains each task's own network."
        + listed(" Without a recorded number of passes: ", unknown),
    )  # fmt: skip


def with_passes(scene: Scene) -> pd.DataFrame:
    """The curves with the backward passes up to each evaluation; NaN where they are not known."""
    expected = scene.results.expected
    tasks = dict(zip(expected["trial_id"], map(len, expected["tasks"]), strict=True))
    rows = scene.results.summary.drop_duplicates("trial_id")
    a_step = {t: passes(words, tasks[t]) for t, words in zip(rows["trial_id"], rows["backward_passes"], strict=True)}
    curves = scene.curves
    return curves.assign(**{_PASSES: curves["step"] * curves["trial_id"].map(a_step)})


def passes(words: object, n_tasks: int) -> float:
    """The number of a step from words such as `1`, `3K`, `1 + K heads` and `1 + 1 fwd`; NaN for others."""
    total = 0
    for term in str(words).split("+"):
        found = _TERM.fullmatch(term)
        if found is None or not (found[1] or found[2]):
            return float("nan")
        if not found[3]:
            total += int(found[1] or 1) * (n_tasks if found[2] else 1)
    return float(total)
