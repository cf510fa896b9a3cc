"""What can be pruned: the trials that no text of the sweep names, and never one that the grid or the last launch names."""

import dataclasses

import pytest
from finished import finish

from mtlray import DWA, SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec
from mtlray.errors import LaunchError
from mtlray.planning.pruning import prunable
from mtlray.results.driver_lock import DriverLock
from mtlray.results.states import TrialState
from mtlray.sweep import Sweep

BASE = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=200), model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=20
)  # fmt: skip
SPEC = SweepSpec(name="s", question="?", base=BASE, strategies=(Equal(), DWA()), seeds=range(2))


@pytest.fixture
def sweep(tmp_path):
    """All four trials of the grid are finished, and six others: two of another rate, two failed, one shorter, one started."""
    made = Sweep(SPEC, None, tmp_path / "s.py", str(tmp_path))
    for trial in made.trials:
        finish(made.ledger, trial)
    for seed in range(2):
        finish(made.ledger, dataclasses.replace(BASE, seed=seed, optimizer=SGD(lr=0.2)))
        finish(made.ledger, dataclasses.replace(BASE, seed=seed, fraction=0.5), state=TrialState.FAILED)
    finish(made.ledger, dataclasses.replace(BASE, steps=10))
    made.ledger.folder(dataclasses.replace(BASE, seed=9).trial_id).begin("launch", "host", 1)
    made.ledger.write_sweep(made.description())
    return made


def test_what_no_text_names_is_listed_and_nothing_changes(sweep, tmp_path):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found = sweep.prunable()
    assert len(found.ids) == 6
    assert found.ids.isdisjoint(trial.trial_id for trial in sweep.trials)
    label = BASE.dataset.label
    assert sorted(found.text("folder").splitlines()) == sorted(
        [
            "6 trials in folder that no text of the sweep names:",
            f"  3 × {label} equal 100 %, done: seed 0, 0, 1",
            f"  2 × {label} equal 50 %, failed: seed 0, 1",
            "  1 × started and not finished, or damaged",
        ]
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("merged", [False, True])
def test_they_go_and_the_grid_stays(sweep, merged):
    if merged:
        sweep.ledger.compact()
    rows = sorted(map(str, sweep.ledger.summary()[0].to_pylist()))
    kept = [row for row in rows if any(trial.trial_id in row for trial in sweep.trials)]
    assert sweep.prune(sweep.prunable()) == f"6 trials removed from {sweep.folder}."
    assert sorted(map(str, sweep.ledger.summary()[0].to_pylist())) == kept
    assert set(sweep.ledger.records()[0]) == {trial.trial_id for trial in sweep.trials}
    assert sweep.ledger.curves(BASE.dataset.label).num_rows == 2 * len(sweep.trials)
    assert sweep.prunable().text("folder") == "No trial in folder is without a place in the sweep."


def test_what_the_last_launch_names_stays(sweep, tmp_path):
    edited = Sweep(dataclasses.replace(SPEC, strategies=(Equal(),)), None, tmp_path / "s.py", str(tmp_path))
    found = edited.prunable()
    assert found == dataclasses.replace(sweep.prunable(), named_by_last_launch=2)
    assert found.text("folder").endswith(
        "2 more trials: the sweep file does not name them, the sweep as last launched does. They can go after the next `mtlray "
        "run`; until then `mtlray adopt` can keep their results."
    )
    edited.prune(found)
    assert {trial.trial_id for trial in sweep.trials} == set(edited.ledger.records()[0])


def test_what_was_added_to_the_grid_since_it_was_listed_stays(sweep, tmp_path):
    listed = sweep.prunable()
    wider = Sweep(dataclasses.replace(SPEC, fractions=(1.0, 0.5)), None, tmp_path / "s.py", str(tmp_path))
    assert wider.prune(listed).startswith("4 trials removed")


def test_not_while_a_driver_works(sweep):
    listed = sweep.prunable()
    with DriverLock(sweep.ledger.store), pytest.raises(LaunchError, match="Another `mtlray` is working"):
        sweep.prune(listed)
    assert sweep.prunable() == listed


def test_a_folder_that_is_not_there(tmp_path):
    found = prunable((BASE,), Sweep(SPEC, None, tmp_path / "s.py", str(tmp_path / "none")).ledger)
    assert (found.ids, found.rows) == (frozenset(), ())
    assert list(tmp_path.iterdir()) == []
