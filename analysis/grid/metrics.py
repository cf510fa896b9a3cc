"""Which metrics a table shows: all of them, or those that a user names."""

import dataclasses
from fnmatch import fnmatchcase

from mtlray.analysis.grid.load import Results
from mtlray.errors import SpecError


def only(results: Results, patterns: str | None) -> Results:
    """The results with the metrics that match one of `patterns`, names or wildcards such as "*_global,accuracy".

    None keeps all. Raises SpecError for a pattern that matches no metric of the finished trials, and where a task would be left
    without one.
    """
    if patterns is None or results.summary.empty:
        return results
    wanted = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    of_task: dict[str, list[str]] = {}
    for task, metric in results.summary[["task", "metric"]].drop_duplicates().itertuples(index=False):
        if metric is not None:
            of_task.setdefault(task, []).append(metric)
    known = list(dict.fromkeys(metric for metrics in of_task.values() for metric in metrics))
    if not wanted:
        raise SpecError(f"Option --metrics should name metrics. Found none. There are: {', '.join(known)}.")
    for pattern in wanted:
        if not any(fnmatchcase(metric, pattern) for metric in known):
            raise SpecError(f"Option --metrics should name metrics. Found `{pattern}`. There are: {', '.join(known)}.")
    kept = {metric for metric in known if any(fnmatchcase(metric, pattern) for pattern in wanted)}
    for task, metrics in of_task.items():
        if kept.isdisjoint(metrics):
            raise SpecError(
                f"Option --metrics should leave each task a metric. Found none for {task}, which has {', '.join(metrics)}."
            )
    shown = results.summary["metric"].isin(kept) | results.summary["metric"].isna()
    return dataclasses.replace(results, summary=results.summary[shown].reset_index(drop=True))
