"""Published: the numbers of papers as data, under our names, with what is known to be wrong or unclear in them."""

import functools
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import pandas as pd

from mtlray.errors import ResultsError, unknown_name

SPREAD = "The paper's ± is of unclear meaning: its text says variance, its size says standard deviation."


@dataclass(frozen=True, kw_only=True, slots=True)
class Number:
    """One published number; `spread` is None where the paper prints none, `runs` where it does not say.

    `derived` as in `published`.
    """

    mean: float
    spread: float | None
    derived: bool
    runs: int | None = None


Key = tuple[str, float, str, str]  # strategy, fraction, task, metric


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedTable:
    """One table of a paper: where it was printed, the data set of ours it is about, and notes to print below it."""

    name: str
    source: str
    dataset: str
    notes: tuple[str, ...]
    runs: int | None
    """How many runs its means are over; None where the paper does not say."""

    label: str = "paper"
    """What its rows are called."""

    given: Mapping[Key, Number] | None = None
    """The numbers of a user's file; those of the papers are looked up by name. They are of every data set, as `dataset` is ""."""

    @property
    def assumed_runs(self) -> int:
        """The same, with the 10 runs of the paper's first tables where it does not say."""
        return self.runs or 10

    def covers(self, dataset: str) -> bool:
        """Whether a data set is the table's, or a variant of it: `multi_mnist-left-right-mnist5k` is one."""
        return not self.dataset or f"{dataset}-".startswith(f"{self.dataset}-")

    def numbers(self) -> Mapping[Key, Number]:
        """By strategy, fraction, task and metric."""
        return numbers(self.name) if self.given is None else self.given


_GONG = "Gong et al. 2019, IEEE Access 7, Table {}"

TABLES = {
    table.name: table
    for table in (
        PublishedTable(
            name="gong2019:1",
            source=f"{_GONG.format(1)}; best test accuracy during training, mean of 10 runs",
            dataset="multi_mnist-left-right",
            runs=10,
            notes=(SPREAD,),
        ),
        PublishedTable(
            name="gong2019:2",
            source=f"{_GONG.format(2)}; best test accuracy during training, mean of 10 runs",
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
            source=_GONG.format(3),
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
            source=_GONG.format(4),
            dataset="imdb_wiki",
            runs=None,
            notes=(
                SPREAD,
                "The paper's ± of revised_uncertainty is 10 to 100 times smaller than all others: probably an error.",
            ),
        ),
    )
}

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


def describe(name: str) -> PublishedTable:
    """What is known of a published table such as `gong2019:1`. Raises SpecError, which lists the valid names."""
    if name not in TABLES:
        raise unknown_name("published table", name, TABLES)
    return TABLES[name]


def published(name: str) -> pd.DataFrame:
    """The numbers of a published table, one row per cell: strategy, fraction, task, metric, mean, spread, derived.

    Strategies and metrics have our names where there is one (`stl:left` is the paper's single-task row under task left).
    Accuracies are in per cent. `spread` is what the paper prints after ±, NaN where it prints none; `derived` marks
    numbers that were worked out from the paper's prose. Raises SpecError.
    """
    describe(name)
    paper, _, number = name.partition(":")
    frame = _read(paper)
    frame = frame[frame["table"].isin([number, f"{number}-derived-from-prose"])]
    single = frame["strategy"] == "stl"
    task = frame["task"].replace(_TASKS)
    return pd.DataFrame(
        {
            "strategy": frame["strategy"].where(~single, "stl:" + task),
            "fraction": frame["fraction"],
            "task": task,
            "metric": frame["metric"].replace(_METRICS),
            "mean": frame["mean"],
            "spread": frame["pm"],
            "derived": frame["table"] != number,
        }
    ).reset_index(drop=True)


def numbers(name: str) -> dict[Key, Number]:
    """The same numbers by (strategy, fraction, task, metric). Raises SpecError."""
    return {
        (row["strategy"], row["fraction"], row["task"], row["metric"]): Number(
            mean=row["mean"], spread=None if math.isnan(row["spread"]) else row["spread"], derived=row["derived"]
        )
        for row in published(name).to_dict("records")
    }


def resolve(against: str, default: str | None) -> PublishedTable:
    """The table that `--against` means: `gong2019:1` names it, `gong2019` leaves the number to the sweep's `published`.

    Raises SpecError for an unknown name, ResultsError where the sweep names no table of that paper.
    """
    papers = {name.partition(":")[0] for name in TABLES}
    if against not in papers | TABLES.keys():
        raise unknown_name("published table", against, papers | TABLES.keys())
    if against in TABLES:
        return describe(against)
    if default is None or default.partition(":")[0] != against:
        tables = ", ".join(f"{t.name} ({t.dataset})" for t in TABLES.values())
        raise ResultsError(f"The sweep names no published table of {against}. Say which one with --against: {tables}.")
    return describe(default)


@functools.cache
def _read(paper: str) -> pd.DataFrame:
    data = resources.files("mtlray.analysis.grid").joinpath("published_tables", f"{paper}.csv").read_bytes()
    return pd.read_csv(io.BytesIO(data), dtype={"table": str})
