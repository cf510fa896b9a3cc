"""The Slurm scripts on a real Slurm of two nodes on this machine; where there is none, only their text is looked at."""

import os
import re
import signal
import time
from collections import Counter

import pytest
from places import SMALL
from slurm_cluster import needs_slurm, slurm_cluster
from slurm_stage import DRIVER, MTLRAY, RAY, Stage, script

from mtlray.planning.division import in_part
from mtlray.results.ledger import Ledger
from mtlray.results.owner import holder
from mtlray.results.part import Part
from mtlray.specs.sweepfile import load_sweep

# -- the text


def test_each_job_of_an_array_has_a_part_of_the_grid():
    text = script(array=4)
    assert "\n#SBATCH --array=1-4\n" in text
    assert "\n#SBATCH --output=%x-%A_%a.log\n" in text
    assert ' --shard "$SLURM_ARRAY_TASK_ID/4" ' in text
    assert "--shard" not in script()


def test_srun_is_told_the_cores_of_a_task():
    assert '\nsrun --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=1 \\\n' in script(nodes=2)


def test_data_is_never_in_a_folder_that_all_share():
    assert ' --data "${SLURM_TMPDIR:-$HOME/.cache}/mtlray" ' in script()


# -- a real Slurm


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    needs_slurm()
    with slurm_cluster(tmp_path_factory.mktemp("slurm") / "cluster") as made:
        yield made


@pytest.fixture
def stage(cluster):
    # Beside the cluster's folder, which both nodes see where each has its own /tmp.
    folder = cluster.folder.parent / f"stage-{time.monotonic_ns()}"
    folder.mkdir()
    yield Stage(folder, cluster, {"mtlray": DRIVER, "ray": RAY})
    cluster.run("scancel", "--state=PENDING,RUNNING", "--partition=test")


REAL = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("slurm")]


class TestReal:
    pytestmark = REAL

    @pytest.mark.parametrize("code", [0, 1, 3])
    def test_the_exit_code_of_the_driver_is_that_of_the_job(self, stage, cluster, code):
        stage.end(code)
        job = stage.submit()
        cluster.wait_for(job, "COMPLETED", "FAILED")
        assert cluster.job(job)["ExitCode"] == f"{code}:0", stage.log()
        assert stage.read("arguments-0").startswith("run my sweep.py --yes --results results --data /")

    def test_before_the_time_limit_trials_are_saved_and_the_job_continues_in_another_slot(self, stage, cluster):
        job = stage.submit("--time=1", "--signal=B:USR1@50")
        stage.wait(lambda: stage.read("checkpoint-0"), "checkpoint")
        stage.end(0)
        cluster.wait_for(job, "COMPLETED")
        assert cluster.job(job)["Restarts"] == "1"
        assert (stage.starts(), stage.read("wrong")) == (2, "")

    @pytest.mark.parametrize("array", [1, 2])
    def test_a_job_that_a_person_cancels_stays_cancelled(self, stage, cluster, array):
        """In an array it is the one with the array's own number, while another one runs."""
        job, task = stage.submit(array=array), 2 if array == 2 else 0
        number = f"{job}_2" if array == 2 else job
        stage.wait(lambda: stage.starts(task) and stage.starts(min(task, 1)), "start")
        cluster.run("scancel", number)
        cluster.wait_for(number, "CANCELLED")
        assert "Not requeued: this job was cancelled" in stage.log()
        assert cluster.job(number)["Restarts"] == "0"

    def test_a_lost_node_gives_the_job_back_to_the_queue_once(self, stage, cluster):
        job = stage.submit()
        stage.wait(stage.starts, "start")
        node = cluster.job(job)["NodeList"]
        cluster.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        try:
            stage.end(0)
            cluster.wait_for(job, "COMPLETED")
            assert cluster.job(job)["Restarts"] == "1"
            assert cluster.job(job)["NodeList"] != node
        finally:
            cluster.run("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def test_jobs_do_not_start_on_a_node_that_is_drained(self, stage, cluster):
        cluster.run("scontrol", "update", "NodeName=n1", "State=DRAIN", "Reason=test")
        try:
            stage.end(0)
            job = stage.submit()
            cluster.wait_for(job, "COMPLETED")
            assert cluster.job(job)["NodeList"] == "n2"
        finally:
            cluster.run("scontrol", "update", "NodeName=n1", "State=RESUME")

    def test_of_an_array_only_the_job_that_was_stopped_goes_back_to_the_queue(self, stage, cluster):
        """The last job of an array has the array's own number, by which `scontrol requeue` would take all of them."""
        job = stage.submit(array=3)
        stage.wait(lambda: all(stage.starts(task) for task in (1, 2, 3)), "three starts")
        cluster.run("scancel", "--batch", "--signal=USR1", f"{job}_3")
        stage.wait(lambda: stage.read("checkpoint-3"), "checkpoint")
        for task in (1, 2, 3):
            stage.end(0, task)
            cluster.wait_for(f"{job}_{task}", "COMPLETED")
        assert [stage.starts(task) for task in (1, 2, 3)] == [1, 1, 2]
        assert [re.search(r"--shard (\S+)", stage.read(f"arguments-{task}"))[1] for task in (1, 2, 3)] == [
            "1/3",
            "2/3",
            "3/3",
        ]

    def test_what_several_nodes_are_told(self, stage, cluster):
        if not cluster.own_tmp:
            pytest.skip("nodes of this machine cannot have a /tmp of their own here (needs root)")
        job = stage.submit(nodes=2, cpus=2)
        stage.wait(stage.starts, "start")
        step = cluster.run("scontrol", "show", "step", f"{job}.0", "--oneliner").stdout
        assert " CPUs=4 " in step, "two of each node, and not the one that srun takes by itself"
        (head,) = {line.split()[2] for line in stage.read("started-0").splitlines()}
        for node in (0, 1):
            mode, length, cpus, permissions, folder, arguments = stage.read(f"ray-{node}").split(" ", 5)
            assert (mode, length, cpus, permissions) == ("token", "64", "2", "700")
            assert re.fullmatch("/tmp/r[0-9a-f]{16}", folder)
            assert re.match(
                rf"symmetric-run --address {head}:2\d+ --min-nodes 2 --num-cpus=2 --num-gpus=0 -- ", arguments
            )
        cluster.run("scancel", "--batch", "--signal=USR1", job)
        stage.wait(lambda: stage.read("checkpoint-0"), "checkpoint")
        (stage.folder / "over").touch()
        cluster.wait_for(job, "PENDING")
        stage.end(3)
        cluster.wait_for(job, "FAILED")
        assert cluster.job(job)["ExitCode"] == "3:0", "the driver's"
        assert stage.starts() == 2

    def test_a_lost_ray_of_one_of_several_nodes_gives_the_job_back_to_the_queue(self, stage, cluster):
        if not cluster.own_tmp:
            pytest.skip("nodes of this machine cannot have a /tmp of their own here (needs root)")
        job = stage.submit(nodes=2)
        stage.wait(stage.starts, "start")
        (stage.folder / "lost").touch()
        cluster.wait_for(job, "PENDING")
        (stage.folder / "lost").unlink()
        (stage.folder / "over").touch()
        stage.end(0)
        cluster.wait_for(job, "COMPLETED")
        assert stage.starts() == 2

    @pytest.mark.ray
    def test_a_sweep_under_ray_continues_from_slot_to_slot(self, stage, cluster):
        """Warned in its first slot, its node lost in its second, left alone in its third, where it ends as if undisturbed."""
        (stage.folder / "bin" / "mtlray").write_text(MTLRAY)
        (stage.folder / "my sweep.py").write_text(SMALL.read_text())
        options = (
            "--data",
            str(stage.folder / "data"),
            "--strategies",
            "dwa,loss_share",
            "--seeds",
            "0:1",
            "--steps",
            "600",
        )
        options = (*options, "--checkpoint-seconds", "0.1")
        ledger = Ledger(str(stage.folder / "results"), "small")

        def trains(slot):
            logs = ledger.store.local.glob(f"trials/*/attempt-{slot}.log")
            saved = any(ledger.store.local.glob("trials/*/checkpoint-*.pt"))
            return saved and any("training from step" in log.read_text() for log in logs)

        job = stage.submit(run_options=options, cpus=2)
        stage.wait(lambda: trains(1), "checkpoint in the first slot")
        cluster.run("scancel", "--batch", "--signal=USR1", job)
        cluster.wait_for(job, "PENDING")
        assert "SIGTERM: running trials save a checkpoint" in stage.log()
        cluster.wait_for(job, "RUNNING")
        stage.wait(lambda: trains(2), "start in the second slot")
        node = cluster.job(job)["NodeList"]
        cluster.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        cluster.run("scontrol", "update", f"NodeName={node}", "State=RESUME")
        cluster.wait_for(job, "COMPLETED")
        assert cluster.job(job)["Restarts"] == "2", stage.log()
        stage.compare_with_one_driver(ledger, "--in-process", *options)

    def test_an_array_of_which_two_jobs_were_killed_ends_as_one_driver_would(self, stage, cluster):
        """Each trial is finished once, and the summary and the curves have the same bits."""
        (stage.folder / "bin" / "mtlray").write_text(MTLRAY)
        (stage.folder / "my sweep.py").write_text(SMALL.read_text().replace("seeds=range(2)", "seeds=range(4)"))
        options = (
            "--in-process",
            "--checkpoint-seconds",
            "0.1",
            "--strategies",
            "stl,dwa,uncertainty",
            "--steps",
            "60",
        )
        options = (*options, "--data", str(stage.folder / "data"))
        trials = (
            load_sweep(stage.folder / "my sweep.py")[0]
            .narrowed(strategies=["stl", "dwa", "uncertainty"], steps=60)
            .trials()
        )
        ledger = Ledger(str(stage.folder / "results"), "small")
        job = stage.submit(array=4, run_options=options)
        for task in (3, 4):
            own = {trial.trial_id for trial in in_part(trials, Part(task, 4))}
            stage.wait(lambda own=own: own & ledger.started(), f"start of job {task}")
            os.kill(holder(ledger.store, Part(task, 4)).pid, signal.SIGKILL)
            cluster.wait_for(f"{job}_{task}", "FAILED")
            assert own - ledger.records()[0].keys(), "killed before it was complete"
        again = cluster.submit("--array=3,4", "job.sh", cwd=stage.folder)
        for number in (f"{job}_1", f"{job}_2", f"{again}_3", f"{again}_4"):
            cluster.wait_for(number, "COMPLETED")
        assert {trial.trial_id for trial in trials} == ledger.records()[0].keys()
        ends = [Counter(attempt.end for attempt in ledger.folder(i).attempts()) for i in ledger.started()]
        assert [count["finished"] for count in ends] == [1] * len(trials)
        stage.compare_with_one_driver(ledger, *options)
