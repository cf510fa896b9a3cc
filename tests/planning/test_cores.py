"""Cores that a process may use: by its affinity, its cgroups of either version, and its Slurm job."""

import os

import pytest

import mtlray.planning.cores as counting
from mtlray.planning.cores import cores
from mtlray.running.on_ray.resources import workers_here


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """One of 8 cores, without limits; writes files of cgroups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    for name in ("SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK", "SLURM_STEP_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(counting, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(counting, "_OWN_CGROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("0::/\n")

    def write(own=None, **files):
        if own is not None:
            (tmp_path / "own").write_text(own)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def test_all_where_nothing_limits_them(machine):
    assert cores() == 8
    machine(**{"cpu.max": "max 100000\n"})
    assert cores() == 8
    assert workers_here("cpu", 1.0).number == 8


def test_those_that_it_is_bound_to(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    assert cores() == 1
    assert workers_here("cpu", 1.0).number == 1


@pytest.mark.parametrize(("text", "expected"), [("200000 100000\n", 2), ("250000 100000", 2), ("50000 100000", 1)])
def test_the_time_of_a_container(machine, text, expected):
    """A part of a core does not count, and one core there always is."""
    machine(**{"cpu.max": text})
    assert cores() == expected


def test_the_time_of_a_unit_and_of_what_it_lies_in(machine):
    machine("0::/system.slice/job.service/step\n", **{"system.slice/job.service/cpu.max": "300000 100000"})
    assert cores() == 3
    machine(**{"system.slice/job.service/step/cpu.max": "max 100000"})
    assert cores() == 3


@pytest.mark.parametrize(("quota", "expected"), [("400000", 4), ("-1", 8)])
def test_the_time_by_cgroups_of_version_1(machine, quota, expected):
    files = {"cpu/docker/ab/cpu.cfs_quota_us": quota, "cpu/docker/ab/cpu.cfs_period_us": "100000"}
    machine("3:cpuset:/\n1:cpu,cpuacct:/docker/ab\n", **files)
    assert cores() == expected


def test_no_cgroups_at_all(machine, monkeypatch, tmp_path):
    monkeypatch.setattr(counting, "_OWN_CGROUPS", tmp_path / "no" / "such")
    assert cores() == 8


def test_those_of_a_slurm_job_that_binds_nobody(machine, monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "6")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "2")
    assert cores() == 6  # the job's script, which may use what all its tasks may
    monkeypatch.setenv("SLURM_STEP_ID", "0")
    assert cores() == 2  # srun -c 2
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "4(x2)")
    assert cores() == 2
