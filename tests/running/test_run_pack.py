"""From a spec to committed results: what is refused, what is retried, and what an interrupted trial goes on from."""

import errno
import json
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from bad_disk import BadDisk, words
from faultlib import tree

from mtlray import LeNet, MultiMNIST, RunConfig, State
from mtlray.errors import LostLockError, StoreError, StrategyError
from mtlray.identity.provenance import Commit
from mtlray.results.attempts import failures
from mtlray.results.driver_lock import DriverLock
from mtlray.results.generations import Generations
from mtlray.results.shards import rows_of
from mtlray.results.states import TrialState
from mtlray.running import pack
from mtlray.running.giving_up import give_up
from mtlray.running.job import Job
from mtlray.running.pack import run_pack
from mtlray.running.policy import may_pass
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import AbstractSolverWeighting, AbstractWeighting, Equal
from mtlray.training.checkpoint import Checkpoint

pytestmark = pytest.mark.usefixtures("unchecked")  # as for a user, whose tensors nobody checks for shape


@dataclass(frozen=True)
class Misbehaving(AbstractWeighting):
    """The plain sum, with one fault."""

    fault: str

    key: ClassVar[str] = "misbehaving"

    def init(self, tasks, seeds):
        if self.fault == "no seed axis":
            return State(buffers={"mean": torch.ones(len(tasks))})
        if self.fault == "scalar state":
            return State(buffers={"steps": torch.zeros(())})
        return State()

    def combine(self, losses, state):
        weights = torch.ones_like(losses)
        if self.fault == "global generator":
            torch.rand(3)
        if self.fault == "wrong weights":
            weights = weights[:, :1]
        if self.fault == "exit":
            raise SystemExit(0)
        if self.fault == "one objective":
            return losses.mean(), weights, state
        return losses.sum(dim=1), weights, state

    def scalars(self, state):
        return {"both": torch.ones(1, 2)} if self.fault == "wrong scalars" else {}


@pytest.fixture
def dataset_spec(data_root):
    spec = MultiMNIST(source="mnist5k", val_digits=200)
    spec.prepare(data_root)
    return spec


@pytest.fixture
def job(tmp_path, data_root, dataset_spec):
    fingerprints = {dataset_spec.label: dataset_spec.prepare(data_root)}
    config = RunConfig(data=str(data_root), results=str(tmp_path), device="cpu", checkpoint_seconds=0)
    return Job(sweep="s", config=config, commit=Commit("", False), fingerprints=fingerprints)


def trial(dataset_spec, **changes):
    base = TrialSpec(
        dataset=dataset_spec,
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.01),
        steps=4,
        batch_size=16,
        evaluate_every=4,
    )
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("no seed axis", "`mean` in the state of misbehaving(fault=no seed axis) should lead with a `seed` axis of 1"),
        ("scalar state", "Found shape []"),
        ("global generator", "drew from torch's global generator"),
        ("wrong weights", "should have shape [seed, task] = [1, 2]. Found [1, 1]"),
        ("one objective", "should have shape [seed] = [1]. Found []. Sum over the tasks alone"),
        ("wrong scalars", "Scalar `both`"),
        ("exit", "SystemExit"),
    ],
)
def test_a_strategy_that_breaks_its_contract_fails_with_the_reason(fault, expected, dataset_spec, job):
    (ending,) = run_pack([trial(dataset_spec, strategy=Misbehaving(fault))], job, lambda step: None)
    assert ending.state is TrialState.FAILED
    assert expected in ending.text


def test_a_strategy_that_ends_the_program_fails_with_its_text_in_every_start(dataset_spec, job):
    spec = trial(dataset_spec, strategy=Misbehaving("exit"))
    (ending,) = run_pack([spec], job)
    assert "SystemExit: 0: the code of the trial called sys.exit" in ending.text
    assert job.ledger().ending(spec.trial_id) == ending


@pytest.fixture
def eager(monkeypatch):
    """Progress is asked for after every step."""
    monkeypatch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("stop", [SystemExit(0), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_a_stop_from_outside_is_interrupted_and_continues_later(stop, dataset_spec, job):
    """Tune ends a trial by sys.exit(0) within its report."""

    def progress(step):
        if step == 2:
            raise stop

    spec = trial(dataset_spec)
    with pytest.raises(type(stop)) as caught:
        run_pack([spec], job, progress)
    assert caught.value is stop
    ledger = job.ledger()
    assert ledger.records() == ({}, [])
    (attempt,) = ledger.folder(spec.trial_id).attempts()
    assert (attempt.end, attempt.reason) == ("interrupted", f"stopped from outside ({type(stop).__name__})")
    assert "Traceback" not in ledger.folder(spec.trial_id).read_log(1)
    assert run_pack([spec], job)[0].state is TrialState.DONE


def replaced(ledger):
    """Another driver takes over."""
    path = ledger.store.local / "driver.json"
    path.write_text(path.read_text().replace(json.loads(path.read_text())["token"], "theirs"))


@pytest.fixture
def lock(job):
    job.ledger().probe()
    with DriverLock(job.ledger().store, beat_seconds=60) as lock:
        yield lock


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("fault", ["", "exit", "stop", "disk"])
def test_a_launch_that_lost_its_lock_writes_nothing_more(fault, dataset_spec, job, lock):
    """However its trial ends: done, failed by its own code, stopped by Tune, or by an error of the disk."""
    job = replace(job, fence=lock.fence)
    spec = trial(dataset_spec, strategy=Misbehaving(fault) if fault == "exit" else Equal())
    ledger, seen = job.ledger(), {}

    def lose():
        if not seen:
            replaced(ledger)
            seen.update(tree(ledger.store.local))

    def progress(step):
        lose()
        if fault == "stop":
            raise SystemExit(0)
        if fault == "disk":
            raise OSError(errno.EIO, "I/O error")

    with pytest.MonkeyPatch.context() as monkeypatch:
        if fault == "exit":  # its first step is its last
            monkeypatch.setattr("mtlray.running.pack.load", lambda *a, real=pack.load: (real(*a), lose())[0])
        try:
            (ending,) = run_pack([spec], job, progress)
        except (SystemExit, OSError):
            assert fault in ("stop", "disk")
        else:
            assert ending.state is TrialState.INTERRUPTED
            assert "took over" in ending.text
    assert seen
    assert tree(ledger.store.local) == seen


def test_a_launch_that_lost_its_lock_starts_and_gives_up_nothing(dataset_spec, job, lock):
    job = replace(job, fence=lock.fence)
    replaced(job.ledger())
    before = tree(job.ledger().store.local)
    assert run_pack([trial(dataset_spec)], job)[0].state is TrialState.INTERRUPTED
    with pytest.raises(LostLockError):
        give_up(trial(dataset_spec), job, "its worker was lost")
    assert tree(job.ledger().store.local) == before


@pytest.mark.parametrize("number", [errno.ESTALE, errno.EIO], ids=words)
def test_a_checkpoint_that_the_disk_does_not_give_is_not_set_aside(number, dataset_spec, job):
    spec = trial(dataset_spec)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(
            "mtlray.running.pack._Start.commit", lambda self, outcomes: (_ for _ in ()).throw(OSError("no"))
        )
        with pytest.raises(OSError, match="no"):
            run_pack([spec], job)
    folder = job.ledger().folder(spec.trial_id)
    kept = folder.checkpoints.names()
    with pytest.MonkeyPatch.context() as monkeypatch:
        BadDisk(monkeypatch).fails(kept[0], number)
        with pytest.raises(StoreError, match="should be readable"):
            run_pack([spec], job)
    again = job.ledger().folder(spec.trial_id)
    assert again.checkpoints.names() == kept
    assert [attempt.end for attempt in again.attempts()] == ["error that may pass", "interrupted"]
    assert failures(again.attempts())[1:] == [], "the disk's trouble costs the trial no retry"
    assert run_pack([spec], job)[0].state is TrialState.DONE


@dataclass(frozen=True)
class NoSolution(AbstractSolverWeighting):
    """A solver that fails for some seeds at their second step: where the trial's seed, in its state, is odd."""

    key: ClassVar[str] = "no_solution"

    def init(self, tasks, seeds):
        return State(buffers={**super().init(tasks, seeds).buffers, "odd": seeds % 2, "step": torch.zeros_like(seeds)})

    def weigh(self, gramian, losses, state):
        fails = (state.buffers["odd"] * state.buffers["step"]).reshape(-1, 1, 1) == 1
        weights, state = self.solve_each(torch.where(fails, 0.0, gramian), state)
        return weights, state.with_buffers(step=state.buffers["step"] + 1)

    def solve(self, gramian):
        if gramian.any():
            return np.full(len(gramian), 0.5)
        raise StrategyError("There is no solution.")


def fallbacks(job):
    rows = job.ledger().summary()[0].to_pylist()
    return {row["seed"]: (row["state"], row["solver_fallbacks"]) for row in rows}


def test_a_solver_that_fails_fails_its_own_trial_alone(dataset_spec, job):
    pack = [trial(dataset_spec, strategy=NoSolution(), seed=seed) for seed in (0, 1, 2)]
    (first, second, third) = run_pack(pack, job, lambda step: None)
    assert (first.state, third.state) == (TrialState.DONE, TrialState.DONE)
    assert second.state is TrialState.FAILED
    assert "There is no solution. The trial stops here." in second.text
    assert 'on_solver_error="fallback"' in second.text
    assert fallbacks(job) == {0: ("done", 0), 1: ("failed", None), 2: ("done", 0)}


@pytest.mark.usefixtures("eager")
def test_a_running_trial_keeps_its_curve_so_far_and_a_finished_one_does_not(dataset_spec, job):
    """It is the beginning of the curve that the finished trial has."""
    specs = [trial(dataset_spec, seed=seed, evaluate_every=2) for seed in (0, 1)]
    seen = []

    def progress(step):
        if step == 3:
            seen.extend(job.ledger().folder(spec.trial_id).read_curve() for spec in specs)

    run_pack(specs, job, progress)
    curves = job.ledger().curves(dataset_spec.label)
    for spec, so_far in zip(specs, seen, strict=True):
        whole = rows_of(curves, {spec.trial_id})
        assert (so_far.step, so_far.steps, so_far.rows.column("step").to_pylist()) == (2, 4, [2])
        assert so_far.rows.equals(whole.slice(0, 1))
        assert job.ledger().folder(spec.trial_id).read_curve() is None


def test_fallbacks_are_counted_for_each_seed_and_survive_a_checkpoint(dataset_spec, job):
    pack = [trial(dataset_spec, strategy=NoSolution(on_solver_error="fallback"), seed=seed) for seed in (0, 1)]
    run_pack(pack, job, lambda step: None)
    assert fallbacks(job) == {0: ("done", 0), 1: ("done", 1)}


def test_strategies_without_a_solver_have_no_fallbacks(dataset_spec, job):
    run_pack([trial(dataset_spec)], job, lambda step: None)
    assert fallbacks(job) == {0: ("done", None)}


def test_numbers_do_not_depend_on_what_the_process_is_set_to(dataset_spec, job, tmp_path):
    def losses(name):
        run_pack([trial(dataset_spec)], replace(job, sweep=name), lambda step: None)
        return replace(job, sweep=name).ledger().curves(dataset_spec.label).column("test/left/loss").to_pylist()

    plain = losses("plain")
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(7)
    try:
        assert losses("other") == plain
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_checkpoint_of_other_data_is_set_aside(dataset_spec, job):
    spec = trial(dataset_spec)
    saved = []
    run_pack([spec], job, lambda step: None)
    job = replace(job, sweep="again")
    real = Generations.write
    try:
        Generations.write = lambda self, data: saved.append(data)
        run_pack([spec], job, lambda step: None)
    finally:
        Generations.write = real
    job = replace(job, sweep="third")
    checkpoint = Checkpoint.from_bytes(saved[1], spec.trial_id)
    checkpoint.data_fingerprint = "0" * 16
    job.ledger().folder(spec.trial_id).checkpoints.write(checkpoint.to_bytes())
    run_pack([spec], job, lambda step: None)
    log = job.ledger().folder(spec.trial_id).read_log(1)
    assert "trained on other data" in log
    assert "training from step 0" in log


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.EIO, "I/O error"), True),
        (MemoryError(), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("no"), False),
        (SystemExit(0), False),
    ],
)
def test_which_errors_may_pass(error, expected):
    assert may_pass(error) is expected
