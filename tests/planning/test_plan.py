"""What is left to run, from specs and records alone."""

import dataclasses

import pytest

from mtlray.data import MultiMNIST
from mtlray.errors import ResultsError
from mtlray.models import LeNet
from mtlray.planning.plan import packs, plan, refuse_other_data
from mtlray.results.ledger import TrialRecord
from mtlray.results.states import TrialState
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import DWA, Equal

BASE = TrialSpec(
    dataset=MultiMNIST(),
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.1),
    steps=100,
    batch_size=10,
    evaluate_every=10,
)


def trial(**fields):
    return dataclasses.replace(BASE, **fields)


def record(spec, state=TrialState.DONE, seconds=2.0, fingerprint="f"):
    return TrialRecord(
        trial_id=spec.trial_id,
        state=state,
        dataset=spec.dataset.label,
        data_fingerprint=fingerprint,
        model="lenet-A",
        device="cpu",
        steps=spec.steps,
        seconds=seconds,
        attempts=1,
        error="",
    )


def records(*pairs):
    return {spec.trial_id: record(spec, state) for spec, state in pairs}


def test_trials_by_what_is_to_happen():
    done, diverged, failed, fresh, begun = (trial(seed=i) for i in range(5))
    found = plan(
        [done, diverged, failed, fresh, begun],
        records(
            (done, TrialState.DONE),
            (diverged, TrialState.DIVERGED),
            (failed, TrialState.FAILED),
            (trial(seed=99), TrialState.DONE),
        ),
        started={begun.trial_id, done.trial_id, "other"},
        damaged=["summary/x.parquet"],
    )
    assert (found.done, found.diverged, found.failed, found.to_run) == ((done,), (diverged,), (failed,), (fresh, begun))
    assert (found.resumable, found.others) == (1, 1)
    assert found.damaged == ("summary/x.parquet",)


def test_nothing_done_yet():
    found = plan([trial()], {})
    assert (len(found.to_run), found.measured) == (1, False)
    assert found.device_seconds > 0


def test_planning_is_pure():
    trials, known = [trial(seed=i) for i in range(3)], records((trial(seed=1), TrialState.DONE))
    before = dict(known)
    assert plan(trials, known) == plan(trials, known)
    assert known == before


def test_longest_first_and_stable():
    short, long, big = trial(steps=10), trial(steps=100), trial(steps=10, batch_size=1000)
    other = trial(steps=100, seed=1)
    assert plan([short, long, big, other], {}).to_run == (big, long, other, short)


def test_time_is_measured_where_trials_are_done():
    done = [trial(seed=i) for i in range(3)]
    known = {
        t.trial_id: record(t, seconds=s) for t, s in zip(done, (1.0, 2.0, 50.0), strict=True)
    }  # 100, 50, 2 steps/s
    found = plan([*done, trial(seed=7, steps=200)], known)
    assert found.measured
    assert found.device_seconds == pytest.approx(200 / 50)


def test_diverged_trials_do_not_measure():
    known = records((trial(), TrialState.DIVERGED))
    assert not plan([trial(), trial(seed=1)], known).measured


def test_disk_grows_with_evaluations():
    few, many = plan([trial()], {}).disk_bytes, plan([trial(evaluate_every=1)], {}).disk_bytes
    assert many - few == 120 * 90


def test_packs_share_all_but_the_seed():
    mixed = [trial(seed=s, strategy=strategy) for s in range(5) for strategy in (Equal(), DWA())]
    cut = packs(mixed, 3)
    assert sorted(map(len, cut)) == [2, 2, 3, 3]
    for pack in cut:
        assert len({t.canonical_but_seed for t in pack}) == 1
    assert sorted(t.trial_id for pack in cut for t in pack) == sorted(t.trial_id for t in mixed)


@pytest.mark.parametrize(
    "field",
    [{"fraction": 0.5}, {"steps": 50}, {"batch_size": 5}, {"strategy": DWA()}, {"model": LeNet(preset="B")}],
    ids=str,
)
def test_packs_never_mix(field):
    assert len(packs([trial(seed=0), trial(seed=1, **field)], 8)) == 2


def test_stochastic_models_run_one_by_one():
    model = {"model": LeNet(preset="A28"), "dataset": MultiMNIST(image_size=28)}
    assert [len(pack) for pack in packs([trial(seed=i, **model) for i in range(3)], 8)] == [1, 1, 1]


def test_packs_come_longest_first():
    cut = packs([trial(seed=0, steps=10), trial(seed=0, steps=99), trial(seed=1, steps=10)], 2)
    assert [pack[0].steps for pack in cut] == [99, 10]


def test_other_data_is_refused():
    spec = trial()
    known = {spec.trial_id: record(spec, fingerprint="aaaa")}
    label = spec.dataset.label
    refuse_other_data(known, {label: "aaaa"})
    refuse_other_data(known, {"another": "bbbb"})
    refuse_other_data({spec.trial_id: record(spec, TrialState.FAILED, fingerprint="")}, {label: "bbbb"})
    with pytest.raises(ResultsError) as caught:
        refuse_other_data(known, {label: "bbbb"})
    assert str(caught.value) == (
        f"Finished trials of {label} were made with data of fingerprint aaaa. "
        "The data prepared here has bbbb, and the two must not be mixed. "
        "Check the data with `mtlray data verify`, or use another --results folder."
    )
