"""Two Ray nodes, each its own `ray start`: one is lost while its trial runs, and the sweep ends as if undisturbed."""

import time

import pytest
from places import SMALL
from ray_nodes import ROOT, Bench, Nodes, cable, family, kill, mtlray

from mtlray.results.ledger import Ledger

# So many steps that a trial which was seen to run still runs when its node is lost.
NARROW = (
    "--seeds", "0:1", "--strategies", "dwa,uncertainty,loss_share", "--steps", "2000", "--checkpoint-seconds", "0.1",
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.xdist_group("ray"), pytest.mark.timeout(600)]


@pytest.fixture(params=["killed", "cut off"])
def nodes(request):
    network = cable()
    if network is None and request.param == "cut off":
        pytest.skip("may not make network namespaces here")
    made = Nodes(network or Bench())
    made.fate = request.param
    made.join()
    yield made
    made.stop()


def trials_on(node, trials):
    """The trials with a checkpoint whose last attempt runs in a process of a node."""
    pids = {member.pid for member in family(node)}
    found = []
    for checkpoint in trials.glob("*/checkpoint-*.pt"):
        logs = sorted(checkpoint.parent.glob("attempt-*.log"))
        text = logs[-1].read_text() if logs else ""
        if any(f"process {pid}\n" in text for pid in pids):
            found.append(checkpoint.parent.name)
    return found


def values(folder):
    columns = ["trial_id", "task", "metric", "last", "best_val", "best_test_step", "steps", "state"]
    rows = Ledger(str(folder), "small").summary()[0].select(columns).to_pylist()
    return sorted(rows, key=lambda row: (row["trial_id"], row["task"], row["metric"]))


def test_a_node_that_is_lost_costs_nothing_but_time(nodes, tmp_path):
    """Killed; or cut off from the network while its processes go on and still see the disk with the results."""
    # The sweep's strategy takes its step from a module beside the file, imported on the worker when it is first used.
    sweep = tmp_path / "sweeps" / "mine.py"
    sweep.parent.mkdir()
    body = "mean = self.decay * state.buffers"
    assert body in SMALL.read_text()
    sweep.write_text(
        SMALL.read_text().replace(body, f"import beside_it\n        assert beside_it.HERE\n        {body}")
    )
    (sweep.parent / "beside_it.py").write_text("HERE = True\n")
    common = (*NARROW, "--data", tmp_path / "data", "--yes")
    driver = mtlray(
        "run", sweep, *common, "--results", tmp_path / "there", "--address", nodes.address, "--wait-seconds", "60",
        environment=nodes.environment, within=nodes.network.within(0),
    )  # fmt: skip
    trials = tmp_path / "there" / "small" / "trials"
    deadline = time.monotonic() + 240
    while not (lost := trials_on(nodes.other, trials)):
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline, "the other node never ran a trial"
        time.sleep(0.05)
    if nodes.fate == "killed":
        kill(nodes.other)
    else:
        nodes.network.cut()
    output, _ = driver.communicate(timeout=300)
    assert driver.returncode == 0, output
    again = [(trials / trial_id / "attempt-2.log").read_text() for trial_id in lost]
    assert all("training from step" in text and "training from step 0" not in text for text in again)
    alone = mtlray(
        "run", sweep, *common, "--results", tmp_path / "here", "--in-process",
        environment={**nodes.environment, "PYTHONPATH": f"{ROOT}:{sweep.parent}"},
    )  # fmt: skip
    output, _ = alone.communicate(timeout=300)
    assert alone.returncode == 0, output
    assert values(tmp_path / "there") == values(tmp_path / "here")
