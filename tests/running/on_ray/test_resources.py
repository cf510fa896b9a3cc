"""What a trial asks of Ray: shares of a GPU, how many run at once, and the measurement as a Ray task."""

import os
from dataclasses import replace

import pytest

import mtlray.running.on_ray.resources as resources
from mtlray import LeNet, MultiMNIST, RunConfig
from mtlray.identity.provenance import Commit
from mtlray.planning.text import Workers
from mtlray.running.calibration import Calibration
from mtlray.running.job import Job
from mtlray.running.on_ray.pulse import Pulse
from mtlray.running.on_ray.resources import last_task, measure_on_ray, measured, slots_of, trial_resources, workers_here
from mtlray.running.on_ray.starting import running_ray
from mtlray.running.policy import Policy
from mtlray.running.scratch import scratch
from mtlray.running.session import Session
from mtlray.running.signals import Stop
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import Equal

DATA = MultiMNIST(source="mnist5k", val_digits=200)
TRIAL = TrialSpec(
    dataset=DATA, model=LeNet(), strategy=Equal(), optimizer=SGD(lr=0.01), steps=4, batch_size=4, evaluate_every=4
)
GROUP = (TRIAL, replace(TRIAL, seed=1))


def job_of(**config):
    config = RunConfig(**{"data": "d", "results": "r"} | config)
    return Job(sweep="s", config=config, commit=Commit("", False), fingerprints={})


@pytest.mark.parametrize(
    ("found", "wanted", "slots"),
    [
        ({"CPU": 8}, {"CPU": 1}, 8),
        ({"CPU": 8, "GPU": 2}, {"CPU": 1, "GPU": 1}, 2),
        ({"CPU": 8, "GPU": 1}, {"CPU": 1, "GPU": 0.25}, 4),
        ({"CPU": 32, "GPU": 1}, {"CPU": 1, "GPU": 0.1}, 10),  # 1 // 0.1 is 9
        ({"CPU": 32, "GPU": 2}, {"CPU": 1, "GPU": 0.4}, 4),  # two a GPU; none takes parts of both
        ({"CPU": 3, "GPU": 1}, {"CPU": 1, "GPU": 0.1}, 3),
        ({"CPU": 8, "GPU": 5}, {"CPU": 1, "GPU": 2}, 2),
        ({"CPU": 8}, {"CPU": 1, "GPU": 1}, 1),
    ],
)
def test_trials_at_once(found, wanted, slots):
    assert slots_of(found, wanted) == slots


@pytest.mark.parametrize(
    ("device", "share", "most", "gpus", "expected"),
    [
        ("auto", 1.0, None, 0, Workers(8)),
        ("auto", 1.0, 3, 0, Workers(3)),
        ("auto", 1.0, 20, 0, Workers(20)),  # as Ray is told
        ("cpu", 1.0, None, 4, Workers(8)),
        ("auto", 1.0, None, 2, Workers(2, on_gpus=True)),
        ("cuda", 0.25, None, 1, Workers(4, on_gpus=True)),
        ("cuda", "auto", None, 1, Workers(1, on_gpus=True)),
        ("auto", 0.25, 3, 1, Workers(3, on_gpus=True)),
        ("auto", 0.1, None, 1, Workers(8, on_gpus=True)),  # as many as there are cores
        ("cuda", 1.0, None, 0, Workers(1, on_gpus=True)),
    ],
)
def test_trials_at_once_on_this_machine(device, share, most, gpus, expected, monkeypatch):
    monkeypatch.setattr(resources, "cores", lambda: 8)
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    assert workers_here(device, share, most) == expected


@pytest.mark.parametrize(
    ("device", "asked", "there", "gpu"),
    [
        ("auto", 1.0, 1, 1),
        ("auto", 0.25, 1, 0.25),
        ("cuda", 1 / 6, 1, 0.1666),  # Ray counts in ten-thousandths; of 0.1667 it would fit five
        ("auto", "auto", 1, 1),
        ("auto", 0.25, 0, None),
    ],
)
def test_what_one_trial_asks_of_ray(device, asked, there, gpu, monkeypatch):
    import ray

    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 8, "GPU": there})
    monkeypatch.setattr(resources, "await_node", lambda wanted, *_: None)
    assert trial_resources(job_of(device=device, gpus_per_trial=asked), Stop()).get("GPU") == gpu


class Noted:
    def __init__(self):
        self.lines = []
        self.note = self.lines.append


@pytest.fixture
def call(monkeypatch, unchecked):
    """`measured` for two seeds with a measurement of 2 as the fastest pack, which takes 20 of 100 bytes."""

    def run(wanted, found=None, **config):
        found = [found] if found else [Calibration(2, {1: 100.0, 2: 150.0}, used_bytes=20, total_bytes=100)]
        monkeypatch.setattr(resources, "measure_on_ray", lambda *_: found)
        monkeypatch.setattr(resources, "_cores_of_a_gpu", lambda: 3)
        display = Noted()
        packs, asked = measured([(t,) for t in GROUP], Session(job_of(**config), display, Stop()), wanted)
        return [len(pack) for pack in packs], asked, display.lines

    return run


def test_nothing_is_measured_where_nothing_is_asked_for(call):
    gpu = {"CPU": 1.0, "GPU": 1.0}
    assert call(gpu) == ([1, 1], gpu, [])
    assert call({"CPU": 1.0}) == ([1, 1], {"CPU": 1.0}, [])


def test_without_a_gpu_auto_is_one_and_that_is_said(call):
    packs, asked, lines = call({"CPU": 1.0}, pack_size="auto", gpus_per_trial=0.5)
    assert (packs, asked) == ([1, 1], {"CPU": 1.0})
    assert lines == [
        "Pack size 1: on a CPU packs are slower than trials one by one.",
        "No GPU here: --gpus-per-trial has no effect.",
    ]


def test_packs_and_shares_follow_what_was_measured(call):
    gpu = {"CPU": 1.0, "GPU": 1.0}
    packs, asked, lines = call(gpu, pack_size="auto")
    assert (packs, asked) == ([2], gpu)
    assert lines == [
        f"Pack size 2 for {DATA.label}, lenet-A, equal: 100 alone, 150 in packs of 2 (trials x steps a second)."
    ]
    packs, asked, lines = call(gpu, gpus_per_trial="auto")
    assert (packs, asked) == ([1, 1], {"CPU": 1.0, "GPU": 0.3333})  # four would fit; there are three cores
    assert lines == ["GPUs per trial: 0.3333, from the memory that one trial uses and the number of cores."]
    packs, asked, lines = call(gpu, Calibration(1, ended="ended at 1: lost"), gpus_per_trial="auto")
    assert asked == gpu
    assert lines[0] == "The memory use of some trials is unknown: ended at 1: lost."


class Fatal:
    """Ends the process that it arrives in."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.fixture
def ray_job(tmp_path, data_root, monkeypatch, unchecked):
    """A Ray of one core, which stands for a GPU."""
    monkeypatch.setattr(resources, "_POLL_SECONDS", 0.1)
    config = RunConfig(data=str(data_root), results=str(tmp_path), device="cpu", workers=1, pack_size="auto")
    fingerprints = {DATA.label: DATA.prepare(data_root)}
    job = Job(sweep="s", config=config, commit=Commit("", False), fingerprints=fingerprints)
    with scratch() as folder, running_ray(job, None, [], folder, Pulse(own=True)):
        yield job


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(200)
def test_a_ray_task_measures(ray_job):
    stop = Stop()
    (found,) = measure_on_ray([GROUP], ray_job, {"CPU": 1.0}, stop)
    assert set(found.rates) == {1, 2}
    stop.draining.set()
    assert measure_on_ray([GROUP], ray_job, {"CPU": 1.0}, stop) == [Calibration(1, ended="stopped")]


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(200)
@pytest.mark.slow
def test_a_measurement_that_fails_or_hangs_leaves_packs_of_one(ray_job):
    (lost,) = measure_on_ray([Fatal()], ray_job, {"CPU": 1.0}, Stop())
    assert (lost.size, dict(lost.rates)) == (1, {})
    assert lost.ended.startswith("the measurement failed: ")
    hasty = replace(ray_job, policy=Policy(hang_seconds=1e-9))
    (late,) = measure_on_ray([GROUP], hasty, {"CPU": 1.0}, Stop())
    assert (late.size, late.ended) == (1, "the measurement was not finished after 1e-09 s")


@pytest.mark.ray
@pytest.mark.xdist_group("ray")
@pytest.mark.timeout(200)
@pytest.mark.slow
def test_the_worker_of_a_measurement_ends_with_it(ray_job):
    """One that stays would hold a GPU's memory."""
    import ray

    pids = [ray.get(last_task(lambda: os.getpid(), {"CPU": 1.0}).remote()) for _ in range(2)]
    assert pids[0] != pids[1]
