"""The reduced sweeps whose results are kept: complete, and single-task learning clearly above the best constant prediction."""

import pytest
from places import ROOT

from mtlray.analysis import load, table
from mtlray.analysis.statistics import mean_interval
from mtlray.specs.sweepfile import load_sweep

KEPT = ROOT / "docs" / "results"


@pytest.mark.parametrize(
    ("name", "n_strategies", "metrics"),
    [("reduced_yeast", 13, "roc_auc"), ("reduced_tox21", 13, "roc_auc"), ("reduced_clinc150", 10, "accuracy,roc_auc")],
)
def test_single_task_is_above_the_best_constant(name, n_strategies, metrics):
    spec, _ = load_sweep(ROOT / "sweeps" / f"{name}.py")
    results = load(str(KEPT / name))
    assert set(results.summary["trial_id"]) == {trial.trial_id for trial in spec.trials()}
    assert set(results.summary["state"]) == {"done"}
    multi = results.expected[~results.expected["strategy"].str.startswith("stl:")]
    assert multi.groupby("strategy")["seed"].nunique().tolist() == [3] * n_strategies
    main = {(task.name, task.metrics[0].name) for task in spec.base.dataset.tasks}
    frame = table(str(KEPT / name), metrics=metrics)
    alone = frame[frame["strategy"].str.startswith("stl:")]
    alone = alone[[pair in main for pair in zip(alone["task"], alone["metric"], strict=True)]]
    assert len(alone) == len(main)
    values = results.summary.set_index(["strategy", "task", "metric"])["at_joint_val"]
    for row in alone.itertuples():
        low = mean_interval(values[row.strategy, row.task, row.metric].to_numpy()).low
        assert low > row.trivial, row
