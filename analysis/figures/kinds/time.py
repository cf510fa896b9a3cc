"""Curves by time: each metric on the test split against the seconds of training, as the cost table counts them."""

import numpy as np
import pandas as pd

from mtlray.analysis.figures.kinds.learning import against
from mtlray.analysis.figures.lines import Horizontal
from mtlray.analysis.figures.panels import Drawing
from mtlray.analysis.figures.scene import NothingToDraw, Scene

_SECONDS = "mtlray seconds"  # no column of curves is called so


def draw(scene: Scene) -> Drawing:
    """Raises NothingToDraw where no curve or no time was recorded."""
    curves = with_seconds(scene)
    longest = float(curves[_SECONDS].max())
    if not np.isfinite(longest):
        raise NothingToDraw("the trials' seconds were not recorded")
    unit, name = next(
        (u, n) for u, n in ((3600.0, "hours"), (60.0, "minutes"), (1.0, "seconds")) if longest > 3 * u or u == 1
    )
    over = Horizontal(column=_SECONDS, label=f"{name} of training", written=lambda x: f"{x:,.3g}")
    differs = [what for what, _ in scene.grid.circumstances if what in ("device", "kernel")]
    packs = scene.results.summary.loc[scene.results.summary["dataset"] == scene.grid.dataset, "pack_size"].nunique() > 1
    differs += ["pack size"] if packs else []
    return against(
        scene, over, curves.assign(**{_SECONDS: curves[_SECONDS] / unit}), "Test values against the time of training, "
        "evaluation and checkpoints together, mean over seeds; of a pack, a trial's share. Single-task trains each task's own "
        "network." + (f" Trials differ in {' and '.join(differs)}, so times do not compare." if differs else ""),
    )  # fmt: skip


def with_seconds(scene: Scene) -> pd.DataFrame:
    """The curves with the seconds up to each evaluation: the trial's share of its pack's, spread over the steps by their rate."""
    curves = scene.curves.sort_values(["trial_id", "step"], kind="stable")
    rows = scene.results.summary.drop_duplicates("trial_id").set_index("trial_id")
    total = curves["trial_id"].map(rows["seconds"] / rows["pack_size"].clip(lower=1).fillna(1))
    steps = curves.groupby("trial_id")["step"].diff().fillna(curves["step"])
    rate = curves["train_samples_per_second"]
    known = (rate > 0).groupby(curves["trial_id"]).transform("all")
    spent = (steps / rate.where(known, 1.0)).groupby(curves["trial_id"])
    return curves.assign(**{_SECONDS: total * spent.cumsum() / spent.transform("sum")})
