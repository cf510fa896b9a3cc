"""Gong et al. 2019: the numbers of its four tables."""

import functools
import io
import math
from importlib import resources

import pandas as pd

from mtlray.analysis.grid.published_tables.base import Key, Number, PublishedTable

SPREAD = "The paper's ± is of unclear meaning: its text says variance, its size says standard deviation."

_TASKS = {"seg": "segmentation", "normal": "normals"}
# The paper's names in ours, where they differ. Its numbers on NYUv2 are means of batches, as our legacy metrics are.
_METRICS = {
    "accuracy_best_pct": "accuracy",
    "accuracy_pct": "accuracy",
    "miou_pct": "miou_legacy",
    "pixacc_pct": "pixel_accuracy_legacy",
    "abs_err": "abs_error_legacy",
    "rel_err": "rel_error_legacy",
    "angle_mean_deg": "angle_mean_legacy",
    "angle_median_deg": "angle_median_legacy",
    "within_11.25_pct": "within_11_legacy",
    "within_22.5_pct": "within_22_legacy",
    "within_30_pct": "within_30_legacy",
    "mean_ae_years": "mean_abs_error",
    "median_ae_years": "median_abs_error",
}


def _numbers(number: str) -> dict[Key, Number]:
    """The numbers of one table. Strategies and metrics have our names where there is one, accuracies are in per cent.

    `stl:left` is the paper's single-task row under task left; `spread` is what the paper prints after ±.
    """
    frame = _read()
    found: dict[Key, Number] = {}
    for row in frame[frame["table"].isin([number, f"{number}-derived-from-prose"])].to_dict("records"):
        task = _TASKS.get(row["task"], row["task"])
        strategy = f"stl:{task}" if row["strategy"] == "stl" else row["strategy"]
        found[strategy, row["fraction"], task, _METRICS.get(row["metric"], row["metric"])] = Number(
            mean=row["mean"],
            spread=None if math.isnan(row["pm"]) else row["pm"],
            derived=row["table"] != number,
        )
    return found


@functools.cache
def _read() -> pd.DataFrame:
    data = resources.files(__package__).joinpath("gong2019.csv").read_bytes()
    return pd.read_csv(io.BytesIO(data), dtype={"table": str})


_SOURCE = "Gong et al. 2019, IEEE Access 7, Table {}"

TABLES = (
    PublishedTable(
        name="gong2019:1",
        numbers=functools.partial(_numbers, "1"),
        selection="best_test",
        source=f"{_SOURCE.format(1)}; best test accuracy during training, mean of 10 runs",
        dataset="multi_mnist-left-right",
        runs=10,
        notes=(SPREAD,),
    ),
    PublishedTable(
        name="gong2019:2",
        numbers=functools.partial(_numbers, "2"),
        selection="best_test",
        source=f"{_SOURCE.format(2)}; best test accuracy during training, mean of 10 runs",
        dataset="multi_mnist-left-reconstruct",
        runs=10,
        notes=(
            SPREAD,
            "~ marks values derived from the paper's prose, the multi-task rows of its Table 2 being lost to us: "
            "single-task plus 0.65, 0.95 and 1.10, read as points. The prose says per cent and may mean relative "
            "ones, which would lower the values by up to 0.07.",
        ),
    ),
    PublishedTable(
        name="gong2019:3",
        numbers=functools.partial(_numbers, "3"),
        selection="best_test",
        source=_SOURCE.format(3),
        dataset="nyuv2",
        runs=None,
        notes=(
            SPREAD,
            "Its numbers stand beside our metrics named legacy, which are means over batches as in 2019.",
            "The paper prints the same five surface normal means for equal and dwa, with different ±: probably a "
            "copy error.",
        ),
    ),
    PublishedTable(
        name="gong2019:4",
        numbers=functools.partial(_numbers, "4"),
        selection="best_test",
        source=_SOURCE.format(4),
        dataset="imdb_wiki",
        runs=None,
        notes=(
            SPREAD,
            "The paper's ± of revised_uncertainty is 10 to 100 times smaller than all others: probably an error.",
        ),
    ),
)
