"""From a spec to committed results: what is refused, what is retried, and what an interrupted trial goes on from."""

import errno
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
import torch

from mtlray import LeNet, MultiMNIST, RunConfig, State
from mtlray.errors import StrategyError
from mtlray.identity.provenance import Commit
from mtlray.results.generations import Generations
from mtlray.results.states import TrialState
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
