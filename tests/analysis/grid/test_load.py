"""mtlray.analysis.grid.load: which trials are read, which are counted, and what is refused."""

import pandas as pd
import pytest
from fabricated import DATASET

from mtlray.analysis.grid.load import TRIAL_KEYS, load
from mtlray.errors import ResultsError
from mtlray.results.ledger import RESULTS_VERSION, Ledger


def test_reads_plan_and_summary(complete):
    results = load(complete.folder)
    assert results.sweep["name"] == "quickstart"
    assert results.datasets == ["multi_mnist-left-right"]
    assert list(results.expected.columns) == [
        *TRIAL_KEYS, "optimizer", "learning_rate", "axes", "fields", "own_strategy", "own_fraction", "across",
    ]  # fmt: skip
    assert results.expected[["optimizer", "learning_rate"]].isna().all(axis=None), (
        "as described before they were recorded"
    )
    assert len(results.expected) == 36
    assert results.expected["tasks"].tolist()[0] == ["left"]
    assert results.summary["trial_id"].nunique() == 36
    assert len(results.summary) == 12 + 24 * 2
    assert (results.damaged, results.others) == ([], 0)


def test_a_results_folder_with_one_sweep_will_do(complete, tmp_path):
    assert load(str(tmp_path / "results")).sweep["name"] == "quickstart"
    assert load(f"{complete.folder}/").sweep["name"] == "quickstart"


def test_uri(complete, tmp_path):
    assert load(f"file://{complete.folder}").sweep["name"] == "quickstart"
    assert load(f"file://{tmp_path}/results").sweep["name"] == "quickstart"


def test_relative_path_without_a_parent(complete, monkeypatch):
    monkeypatch.chdir(complete.folder)
    assert load(".").sweep["name"] == "quickstart"


def test_several_sweeps_are_listed(make_sweep, tmp_path):
    make_sweep("first")
    make_sweep("second")
    with pytest.raises(ResultsError, match=r"should hold one sweep\. Found 2: first, second\. Name one"):
        load(str(tmp_path / "results"))


@pytest.mark.parametrize("folder", ["nowhere", "."])
def test_no_sweep_names_the_remedy(tmp_path, folder):
    with pytest.raises(ResultsError, match=r"Found none\. Check the path, or launch the sweep with `mtlray run SWEEP`"):
        load(str(tmp_path / folder))


def test_no_sweep_file_beside_shards(complete):
    complete.ledger.store.delete("sweep.json")
    with pytest.raises(ResultsError, match="Found none"):
        load(complete.folder)


def test_sweep_file_without_trials(make_sweep):
    sweep = make_sweep()
    sweep.ledger.write_sweep({"name": "quickstart"})
    with pytest.raises(ResultsError, match="list its `trials`"):
        load(sweep.folder)


def test_trial_without_a_key(make_sweep):
    sweep = make_sweep()
    sweep.ledger.write_sweep({"name": "quickstart", "trials": [{"trial_id": "0", "dataset": "d"}]})
    with pytest.raises(ResultsError, match="Found one without strategy, fraction, seed, tasks"):
        load(sweep.folder)


def test_trials_that_differ_in_nothing_shown_are_refused(make_sweep):
    sweep = make_sweep()
    for _ in range(2):
        sweep.plan("equal", ["left", "right"])
    with pytest.raises(ResultsError, match="Trials 0000000000000000 and 0000000000000001 should differ"):
        load(sweep.folder)


def test_another_trial_list_replaces_the_sweeps(complete):
    trials = [trial for trial in complete.description["trials"] if trial["seed"] < 2]
    results = load(complete.folder, trials=trials)
    assert len(results.expected) == 24
    assert results.summary["trial_id"].nunique() == 24
    assert results.others == 12


def test_trial_listed_twice_counts_once(complete):
    results = load(complete.folder, trials=complete.description["trials"] * 2)
    assert len(results.expected) == 36


def test_trial_in_a_shard_and_in_a_merged_file_counts_once(complete):
    shards = {name: complete.ledger.store.read(f"summary/{name}") for name in complete.ledger.store.names("summary")}
    assert complete.ledger.compact() == 36
    for name, data in list(shards.items())[:5]:
        complete.ledger.store.write(f"summary/{name}", data)
    results = load(complete.folder)
    assert len(results.summary) == 12 + 24 * 2
    assert not results.summary.duplicated(["trial_id", "task", "metric"]).any()


def test_damaged_and_foreign_trials_are_counted(broken):
    results = load(broken.folder)
    assert results.damaged == ["summary/0000000000000021.parquet"]
    assert results.others == 1
    assert "e" * 16 not in set(results.summary["trial_id"])


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"results_version": 999}, f"results_version 999 and results_version {RESULTS_VERSION}"),
        (
            {"component_versions": '{"strategy": 2, "loop": 1}'},
            f"results_version {RESULTS_VERSION}, strategy 2 and results_version {RESULTS_VERSION}",
        ),
    ],
)
@pytest.mark.parametrize("columns", [None, ["state"]])
def test_versions_are_refused_within_a_cell_and_may_differ_between_cells(make_sweep, changes, named, columns):
    sweep = make_sweep()
    one, two, other = (sweep.plan(name, ["left"], seed=seed) for name, seed in (("equal", 0), ("equal", 1), ("dwa", 0)))
    sweep.finish(one, {"left": 90.0}, **changes)
    sweep.finish(other, {"left": 90.0}, component_versions='{"strategy": 1, "loop": 1}')
    assert len(load(sweep.folder, columns=columns).summary) == 2
    sweep.finish(two, {"left": 90.0})
    with pytest.raises(ResultsError, match=f"those of equal on {DATASET} at 100 % are of {named}"):
        load(sweep.folder, columns=columns)


def test_finished_trials_are_labelled_as_their_rows_say(make_sweep):
    sweep = make_sweep()
    trial = sweep.plan("equal", ["left"], fraction=0.25, optimizer="sgd", learning_rate=0.1)
    sweep.finish(trial, {"left": 90.0}, optimizer="sgd", learning_rate=0.1)
    waiting = sweep.plan("equal", ["left"], fraction=0.25, seed=1, optimizer="sgd", learning_rate=0.1)
    wrong = [entry | {"fraction": 0.35, "strategy": "dwa", "learning_rate": 1.0} for entry in (trial, waiting)]
    expected = load(sweep.folder, trials=wrong).expected
    assert expected["fraction"].tolist() == [0.25, 0.35]
    assert expected["strategy"].tolist() == ["equal", "dwa"]
    assert expected["learning_rate"].tolist() == [0.1, 1.0]


def test_curves_of_planned_trials(make_sweep):
    sweep = make_sweep()
    trial = sweep.plan("equal", ["left", "right"])
    for trial_id in (trial["trial_id"], "e" * 16):
        sweep.finish(trial | {"trial_id": trial_id}, {"left": 90.0, "right": 90.0}, steps=(1000, 2000))
    curves = load(sweep.folder).curves("multi_mnist-left-right")
    assert curves["trial_id"].tolist() == [trial["trial_id"]] * 2
    assert curves["step"].tolist() == [1000, 2000]


def test_curves_of_an_unknown_data_set_are_empty(complete):
    curves = load(complete.folder).curves("nyuv2")
    assert isinstance(curves, pd.DataFrame)
    assert curves.empty


def test_reading_changes_nothing(broken):
    def files(ledger: Ledger) -> dict[str, bytes]:
        return {name: ledger.store.read(f"summary/{name}") for name in ledger.store.names("summary")}

    before = files(broken.ledger)
    load(broken.folder)
    assert files(broken.ledger) == before


def test_only_some_columns_are_read(broken):
    columns = ["state", "task", "trial_id", "at_best_val"]
    whole, part = load(broken.folder), load(broken.folder, columns=columns)
    pd.testing.assert_frame_equal(part.summary, whole.summary[columns])
    assert (part.damaged, part.others) == (whole.damaged, whole.others) != ([], 0)


def test_texts_that_rows_share_are_kept_once(make_sweep):
    sweep = make_sweep()
    for seed in range(3):
        trial = sweep.plan("equal", ["left"], seed=seed)
        sweep.finish(trial, {"left": 90.0}, versions='{"torch": "2"}' if seed < 2 else None)
    found = load(sweep.folder).summary.sort_values("seed")["versions"].tolist()
    assert found[0] is found[1]
    assert found == ['{"torch": "2"}', '{"torch": "2"}', None]
