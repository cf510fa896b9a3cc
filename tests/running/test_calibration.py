"""Pack sizes measured before a sweep: values by hand with an injected clock, and a real pack on the CPU."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import mtlray.running.calibration as calibration
import mtlray.running.in_process as in_process
from mtlray import LeNet, MultiMNIST, RunConfig
from mtlray.identity.provenance import Commit
from mtlray.models import Computation
from mtlray.results.ledger import CURVE_CIRCUMSTANCES, Ledger
from mtlray.results.states import TrialState
from mtlray.running.calibration import (
    Calibration,
    calibrate,
    candidates,
    climb,
    gpu_share,
    kind_of,
    largest_packs,
    pack_rate,
    repacked,
    seconds_of,
)
from mtlray.running.job import Job
from mtlray.running.pack import run_pack
from mtlray.running.session import Session
from mtlray.running.signals import Stop
from mtlray.specs import SGD, Adam, TrialSpec
from mtlray.strategies import DWA, Equal, SingleTask

CPU = torch.device("cpu")
DATA = MultiMNIST(source="mnist5k", val_digits=200)
TRIAL = TrialSpec(
    dataset=DATA, model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.01), steps=4, batch_size=4, evaluate_every=4
)
GROUP = (TRIAL, replace(TRIAL, seed=1))


@pytest.fixture
def job(tmp_path, data_root):
    config = RunConfig(data=str(data_root), results=str(tmp_path), device="cpu", pack_size="auto")
    fingerprints = {DATA.label: DATA.prepare(data_root)}
    return Job(sweep="s", config=config, commit=Commit("", False), fingerprints=fingerprints)


# -- the search


def climbed(rates, n_seeds=10):
    """`climb` over 1, 2, 4, 8, 10 with these rates in turn, an error among them raised; and the sizes it tried."""
    tried = []

    def rate(size):
        tried.append(size)
        found = rates[len(tried) - 1]
        if isinstance(found, Exception):
            raise found
        return found

    return climb(candidates(n_seeds), rate), tried


@pytest.mark.parametrize(("n_seeds", "sizes"), [(1, [1]), (2, [1, 2]), (5, [1, 2, 4, 5]), (8, [1, 2, 4, 8])])
def test_candidates_are_powers_of_two_and_all_seeds(n_seeds, sizes):
    assert candidates(n_seeds) == sizes


@pytest.mark.parametrize(
    ("rates", "size", "tried"),
    [
        ([100, 190, 300, 400, 450], 10, [1, 2, 4, 8, 10]),
        ([100, 190, 300, 314, 999], 8, [1, 2, 4, 8]),  # 315 would be 5 % more
        ([100, 190, 300, 315, 320], 10, [1, 2, 4, 8, 10]),
        ([100, 40, 999], 1, [1, 2]),
    ],
)
def test_the_fastest_is_chosen_and_the_search_ends_where_packs_no_longer_gain(rates, size, tried):
    found, sizes = climbed(rates)
    assert (found.size, sizes, found.ended) == (size, tried, "")
    assert dict(found.rates) == dict(zip(sizes, rates, strict=False))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), MemoryError()]
)
def test_memory_that_runs_out_ends_the_search(error):
    found, tried = climbed([100, 190, error])
    assert (found.size, tried, found.ended) == (2, [1, 2, 4], "ended at 4: out of memory")


def test_what_cannot_be_packed_runs_one_by_one_and_says_why():
    found, _ = climbed([100, RuntimeError("vmap: no rule\nfor this")])
    assert (found.size, found.ended) == (1, "ended at 2: RuntimeError: vmap: no rule for this")
    assert found.text(TRIAL) == (
        "Pack size 1 for multi_mnist-mnist5k, lenet-A, equal: 100 alone (trials x steps a second); "
        "ended at 2: RuntimeError: vmap: no rule for this."
    ).replace("multi_mnist-mnist5k", DATA.label)


def test_a_trial_that_fails_alone_is_left_to_say_so_itself():
    found, tried = climbed([ValueError("no")])
    assert (found.size, dict(found.rates), tried) == (1, {}, [1])


def test_time_is_taken_when_the_device_is_done_and_without_the_first_steps():
    """A device that works off its queue when it is waited for; the first two steps take 10 s, each other one 0.5 s."""
    now, queue, costs = [7.0], [], iter([10.0, 10.0] + [0.5] * 4)

    def synchronise():
        now[0] += sum(queue)
        queue.clear()

    seconds = seconds_of(
        lambda: queue.append(next(costs)), synchronise=synchronise, clock=lambda: now[0], warm_up=2, steps=4
    )
    assert seconds == 2.0


# -- which trials are measured


def test_trials_whose_steps_cost_as_much_are_of_one_kind():
    same = [TRIAL, replace(TRIAL, seed=5), replace(TRIAL, fraction=0.5), replace(TRIAL, optimizer=SGD(lr=9.0))]
    assert len({kind_of(trial) for trial in [*same, replace(TRIAL, steps=99)]}) == 1
    others = [
        replace(TRIAL, strategy=DWA()),
        replace(TRIAL, strategy=SingleTask(task="left")),
        replace(TRIAL, batch_size=8),
        replace(TRIAL, precision="float64"),
        replace(TRIAL, optimizer=Adam(lr=0.1)),
        replace(TRIAL, model=LeNet(preset="B")),
    ]
    assert len({kind_of(trial) for trial in [TRIAL, *others]}) == 7


def test_the_largest_group_stands_for_its_kind():
    few = [replace(TRIAL, fraction=0.5, seed=seed) for seed in range(2)]
    many = [replace(TRIAL, seed=seed) for seed in range(3)]
    alone = [replace(TRIAL, model=LeNet(preset="A28"), seed=seed) for seed in range(3)]
    found = largest_packs([*few, *many, *alone])
    assert sorted(len(group) for group in found.values()) == [1, 3]  # dropout masks belong to one seed
    assert tuple(many) in found.values()
    said = []
    cut = repacked([*few, *many], largest_packs([*few, *many]), [Calibration(2)], said.append)
    assert sorted(len(pack) for pack in cut) == [1, 2, 2]
    assert said == [f"Pack size 2 for {DATA.label}, lenet-A, equal: there is no other seed to pack a trial with."]


# -- a real pack on the CPU


def test_the_rate_of_a_pack_by_the_clock(digits):
    ticks = iter([3.0, 5.0])
    assert pack_rate(GROUP, digits, Computation(CPU), clock=lambda: next(ticks)) == 2 * 20 / 2.0


def test_a_measurement_leaves_everything_as_it_was(job, tmp_path):
    def numbers(folder):
        there = replace(job, config=replace(job.config, results=str(tmp_path / folder)))
        assert run_pack([TRIAL], there)[0].state is TrialState.DONE
        (shard,) = (tmp_path / folder / "s" / "curves").rglob("*.parquet")
        return pq.read_table(shard).drop_columns(list(CURVE_CIRCUMSTANCES))

    def surroundings():  # not Python's own generator, which beartype draws from
        return (
            torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), torch.get_num_threads(),
            torch.get_default_dtype(), torch.is_grad_enabled(), torch.backends.cudnn.benchmark,
        )  # fmt: skip

    without, before = numbers("without"), surroundings()
    (found,) = calibrate([GROUP], job)
    assert surroundings() == before
    assert found.size in (1, 2)
    assert set(found.rates) == {1, 2}
    assert all(rate > 0 for rate in found.rates.values())
    assert numbers("with").equals(without)
    assert not Ledger(str(tmp_path), "s").records()[0]  # a measurement writes nothing


def test_other_data_is_left_to_the_trial_to_say(job):
    (found,) = calibrate([GROUP], replace(job, fingerprints={DATA.label: "other"}))
    assert (found.size, dict(found.rates)) == (1, {})
    assert found.ended.startswith("ended at 1: DataError: The sweep is made with")


def test_nothing_is_measured_after_a_request_to_stop(job):
    assert calibrate([GROUP], job, stopped=lambda: True) == [Calibration(1, ended="stopped")]


# -- memory


def test_the_memory_of_one_process_is_measured_at_the_size_that_runs(job, monkeypatch):
    sizes, rates = [], {1: 100.0, 2: 50.0}
    monkeypatch.setattr(
        calibration, "pack_rate", lambda trials, *_, **__: rates[sizes.append(len(trials)) or len(trials)]
    )
    (found,) = calibrate([GROUP], job, probe_memory=True, memory=lambda: (60, 100))
    assert (found.size, found.used_bytes, found.total_bytes) == (1, 40, 100)
    assert sizes == [1, 2, 1]
    fixed = replace(job, config=replace(job.config, pack_size=8))
    sizes.clear()
    (found,) = calibrate([GROUP], fixed, probe_memory=True, memory=lambda: (60, 100))
    assert (found.size, sizes) == (2, [2])


@pytest.mark.parametrize(
    ("used", "n_cores", "share"), [([40], 8, 1 / 2), ([10], 16, 1 / 9), ([10], 4, 1 / 4), ([10, 46], 4, 1), ([0], 4, 1)]
)
def test_as_many_share_a_gpu_as_fit_into_90_percent_of_its_memory(used, n_cores, share):
    found = [Calibration(1, used_bytes=n, total_bytes=100) for n in used]
    assert gpu_share(found, n_cores) == share


# -- in one process


class Noted:
    def __init__(self):
        self.lines = []
        self.note = self.lines.append

    def step(self, trial, step): ...

    def ended(self, trial, ending): ...


@pytest.fixture
def run(job, unchecked):
    def call():
        display = Noted()
        in_process.InProcess().run([(trial,) for trial in GROUP], Session(job, display, Stop()))
        sizes = pq.read_table(job.config.results + "/s/summary").column("pack_size").to_pylist()
        return set(sizes), display.lines

    return call


def test_on_a_cpu_trials_run_one_by_one_unmeasured(run, monkeypatch):
    monkeypatch.setattr(in_process, "calibrate", lambda *_, **__: pytest.fail("measured"))
    assert run() == ({1}, ["Pack size 1: on a CPU packs are slower than trials one by one."])


def test_on_a_gpu_trials_run_in_packs_of_the_size_that_was_found(run, monkeypatch):
    monkeypatch.setattr(in_process, "device_of", lambda config: torch.device("cuda"))
    monkeypatch.setattr(in_process, "calibrate", lambda groups, *_, **__: [Calibration(2, {1: 1234.4, 2: 2000.0})])
    sizes, lines = run()
    assert sizes == {2}
    assert lines == [
        f"Pack size 2 for {DATA.label}, lenet-A, equal: 1,234 alone, 2,000 in packs of 2 (trials x steps a second)."
    ]
