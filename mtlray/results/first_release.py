"""Summaries of the first release, the only one that sealed nothing."""

import hashlib
import json

import pyarrow as pa

from mtlray.results.schema import SEALED_SINCE


def is_of_the_first(summary: pa.Table) -> bool:
    """Whether the first release, which sealed nothing, wrote these rows: they say so, and each id is that of its spec."""
    rows = summary.select(["trial_id", "spec", "results_version"]).to_pylist()
    return all(
        row["results_version"] < SEALED_SINCE
        and json.loads(row["spec"])["results_version"] < SEALED_SINCE
        and hashlib.sha256(row["spec"].encode()).hexdigest().startswith(row["trial_id"])
        for row in rows
    )
