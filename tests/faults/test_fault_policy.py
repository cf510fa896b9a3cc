"""Failures of trials: each kind's policy, and exact numbers of starts, also over launches (F1, F11, F12, F13, F14)."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from faultlib import FAULTY

from mtlray import RunConfig
from mtlray.identity.provenance import Commit
from mtlray.results.ledger import CURVE_CIRCUMSTANCES, SUMMARY_CIRCUMSTANCES, Ledger
from mtlray.results.states import Ending, TrialState
from mtlray.running.job import Job
from mtlray.running.pack import run_pack
from mtlray.running.policy import Policy
from mtlray.specs.sweepfile import load_sweep

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """Where the misbehaving trials remember what happened."""
    folder = tmp_path / "faults"
    folder.mkdir()
    monkeypatch.setenv("FAULTS", str(folder))
    return folder


@pytest.fixture
def faulty():
    """The trials of the sweep of faults, by fault and whether it happens once."""
    sweep, _ = load_sweep(FAULTY)
    return {(t.strategy.fault, t.strategy.once): t for t in sweep.trials()}


@pytest.fixture
def job(tmp_path, data_root, faulty):
    dataset = faulty["none", True].dataset
    fingerprints = {dataset.label: dataset.prepare(data_root)}
    config = RunConfig(data=str(data_root), results=str(tmp_path), device="cpu", checkpoint_seconds=0)
    return Job(sweep="faulty", config=config, commit=Commit("", False), fingerprints=fingerprints, launch="a")


def starts_until_it_ends(trial, job):
    """How often a trial is started, and how it ends."""
    for n in range(1, 20):
        try:
            (ending,) = run_pack([trial], job)
        except Exception:
            continue
        return n, ending.state, ending.text
    raise AssertionError("it never ends")


@pytest.mark.parametrize("fault", ["bug", "import", "assertion"])
def test_an_error_in_code_is_not_tried_again(faults, faulty, job, fault):
    n, state, text = starts_until_it_ends(faulty[fault, False], job)
    assert (n, state) == (1, "failed")
    assert re.match(r"(ValueError: my mistake|ModuleNotFoundError: .*no_such_module|AssertionError).*\(log: ", text)
    log = Path(text.partition("(log: ")[2].rstrip(")"))
    assert "Traceback" in log.read_text()


def test_divergence_is_a_result(faults, faulty, job):
    assert starts_until_it_ends(faulty["nan", False], job) == (1, "diverged", "non-finite loss at step 7")


@pytest.mark.parametrize("retries", [0, 1, 2, 4])
def test_an_error_that_may_pass_is_tried_again_exactly_so_often(faults, faulty, job, retries):
    trial = faulty["io", False]
    job = replace(job, policy=Policy(retries=retries))
    n, state, text = starts_until_it_ends(trial, job)
    assert (n, state) == (retries + 1, "failed")
    assert text.startswith(f"given up after {retries + 1} starts (error that may pass")
    assert (faults / "io-False-happened").read_text() == "." * (retries + 1)
    assert job.ledger().records()[0][trial.trial_id].attempts == retries + 1


def test_starts_are_counted_over_launches_and_anew_after_retry(faults, faulty, job):
    trial = faulty["io", False]
    ledger = job.ledger()
    for launch in "abc":  # each launch ends after the first error, as if its driver had been killed then
        with_launch = replace(job, launch=launch)
        try:
            run_pack([trial], with_launch)
        except OSError:
            assert launch in "ab"
    assert ledger.ending(trial.trial_id).state is TrialState.FAILED
    assert len(ledger.folder(trial.trial_id).attempts()) == 3
    ledger.forget([trial.trial_id])
    n, state, text = starts_until_it_ends(trial, replace(job, launch="d"))
    assert (n, state) == (3, "failed")
    assert text.startswith("given up after 3 starts")
    assert ledger.records()[0][trial.trial_id].attempts == 6


def test_an_error_that_passes_costs_one_more_start(faults, faulty, job):
    assert starts_until_it_ends(faulty["io", True], job) == (2, "done", "")


def test_out_of_memory_is_postponed_beside_others_and_fails_alone(faults, faulty, job):
    trial = faulty["memory", False]
    for _ in range(4):  # it costs the trial none of its retries
        assert run_pack([trial], replace(job, alone=False))[0].state is TrialState.POSTPONED
    (ending,) = run_pack([trial], job)
    assert ending.state is TrialState.FAILED
    assert ending.text.startswith(
        "out of memory, with no other trial running beside it: MemoryError: as if there were none"
    )


def test_a_request_to_stop_saves_a_checkpoint_and_costs_nothing(faults, faulty, job, monkeypatch):
    monkeypatch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)
    trial = faulty["none", True]
    job = replace(job, config=replace(job.config, checkpoint_seconds=1e9))
    (ending,) = run_pack([trial], job, lambda step: step == 5)
    assert ending == Ending(TrialState.INTERRUPTED, "stopped on request at step 5")
    assert len(job.ledger().folder(trial.trial_id).checkpoints.names()) == 1
    assert run_pack([trial], job) == [Ending(TrialState.DONE)]
    log = job.ledger().folder(trial.trial_id).read_log(2)
    assert "training from step 5" in log
    assert job.ledger().folder(trial.trial_id).checkpoints.names() == []


# -- the newest checkpoint is bad


def results_of(job):
    ledger = job.ledger()
    summary = ledger.summary()[0].to_pandas().drop(columns=list(SUMMARY_CIRCUMSTANCES))
    curves = ledger.curves(ledger.datasets()[0]).to_pandas().drop(columns=list(CURVE_CIRCUMSTANCES))
    return summary, curves


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty", "gone"])
def test_a_bad_newest_checkpoint_falls_back_to_the_one_before(faults, faulty, job, monkeypatch, tmp_path, damage):
    monkeypatch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)
    trial = faulty["none", True]
    run_pack([trial], job)
    undisturbed = results_of(job)
    job = replace(job, config=replace(job.config, results=str(tmp_path / "again")))
    run_pack([trial], job, lambda step: step == 7)
    (newest, _) = job.ledger().folder(trial.trial_id).checkpoints.names()
    path = job.ledger().store.local / "trials" / trial.trial_id / newest
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        flipped = whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:]
        path.write_bytes({"torn": whole[: len(whole) // 2], "flipped": flipped, "empty": b""}[damage])
    assert run_pack([trial], job) == [Ending(TrialState.DONE)]
    log = job.ledger().folder(trial.trial_id).read_log(2)
    assert "training from step 6" in log or "training from step 7" in log
    assert "training from step 0" not in log
    if damage != "gone":
        assert f"{newest}: " in log
        assert "was set aside" in log
    for mine, theirs in zip(results_of(job), undisturbed, strict=True):
        pd.testing.assert_frame_equal(mine, theirs, check_exact=True)


def test_a_pack_goes_on_from_the_newest_step_that_all_its_trials_have(faults, faulty, job, monkeypatch):
    monkeypatch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)
    pack = [replace(faulty["none", True], seed=seed) for seed in (0, 1)]
    run_pack(pack, job, lambda step: step == 7)
    ledger = job.ledger()
    first = ledger.folder(pack[0].trial_id).checkpoints
    path = ledger.store.local / "trials" / pack[0].trial_id / first.names()[0]
    path.write_bytes(b"torn")
    assert run_pack(pack, job) == [Ending(TrialState.DONE)] * 2
    for trial in pack:
        log = ledger.folder(trial.trial_id).read_log(2)
        assert "training from step 0" not in log
        assert re.search(r"training from step [67]", log)


# -- whole sweeps


def attempts_of(results, trial):
    return [a.end for a in Ledger(str(results), "faulty").folder(trial.trial_id).attempts()]


def test_a_hang_is_ended_and_a_slow_trial_is_not(tmp_path, data, drivers, faults, faulty):
    chosen = "faulty(fault=hang),faulty(fault=slow)"
    code, output = drivers.run(
        "run", FAULTY, "--strategies", chosen, "--in-process", "--yes", "--hang-seconds", "8", "--results", tmp_path,
        "--data", data, FAULTS=str(faults),
    )  # fmt: skip
    assert code == 0, output
    assert attempts_of(tmp_path, faulty["hang", True]) == ["hung", "finished"]
    assert attempts_of(tmp_path, faulty["slow", True]) == ["finished"]


def test_a_systematically_broken_sweep_is_stopped(tmp_path, data, drivers, faults):
    code, output = drivers.run(
        "run", FAULTY, "--in-process", "--yes", "--max-failed", "2", "--results", tmp_path, "--data", data,
        "--strategies", "faulty(fault=bug,once=False),faulty(fault=import,once=False),faulty(fault=assertion,once=False)",
        FAULTS=str(faults),
    )  # fmt: skip
    assert code == 1, output
    assert "Stopping: 2 trials failed, and --max-failed is 2." in output
    assert "Left to run: 1 trial. Run the same command again to continue." in output
