"""Trackers show what the Parquet files hold: TensorBoard read back by its own reader, W&B and MLflow by stand-ins."""

import contextlib
import dataclasses
import io
import math
import sys
import types
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from places import SMALL

from mtlray.cli import main
from mtlray.results.kept import KeptNetwork, write_kept
from mtlray.results.ledger import Ledger
from mtlray.trackers import LiveTensorBoard, finished_trials, to_mlflow, to_tensorboard, to_wandb
from mtlray.trackers.tracked_trial import scalars_of

NARROW = ("--steps", "60", "--seeds", "0:1", "--strategies", "stl,loss_share")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """Two finished trials of a few steps."""
    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mtlray", "run", str(SMALL), "--in-process", "--yes", *NARROW])
        patch.setenv("MTLRAY_RESULTS", str(folder / "results"))
        patch.setenv("MTLRAY_DATA", str(folder / "data"))
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return Ledger(str(folder / "results"), "small")


def test_trials_write_live_what_the_export_writes(tmp_path, ledger, runs, monkeypatch):
    """`--tensorboard DIR`, in a run of its own; and a folder that cannot be written costs no trial."""
    (tmp_path / "file").write_text("")
    for folder in ("live", "file"):
        arguments = ["run", str(SMALL), "--in-process", "--yes", *NARROW, "--tensorboard", str(tmp_path / folder)]
        monkeypatch.setattr(sys, "argv", ["mtlray", *arguments, "--results", str(tmp_path / f"results-{folder}")])
        monkeypatch.setenv("MTLRAY_DATA", str(Path(ledger.results).parent / "data"))
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        mine = finished_trials(Ledger(str(tmp_path / f"results-{folder}"), "small"), [run.trial_id for run in runs])
        assert [run.final for run in mine] == [run.final for run in runs]
    to_tensorboard(iter(runs), str(tmp_path / "after"), "small")
    folders = [path.relative_to(tmp_path / "live") for path in tmp_path.glob("live/small/*/*")]
    assert len(folders) == 2
    for folder in folders:
        live, after = read_back(tmp_path / "live" / folder), read_back(tmp_path / "after" / folder)
        picks = ("best_test/", "last/", "at_best_val/", "at_joint_val/")
        assert set(live) == {tag for tag in after if not tag.startswith(picks)}
        assert live["val/left/loss"] == after["val/left/loss"]
    logs = [path.read_text() for path in tmp_path.glob("results-file/small/trials/*/attempt-1.log")]
    assert len(logs) == 2
    assert all("TensorBoard logging of this trial stopped: " in log for log in logs)


@pytest.fixture
def runs(ledger):
    return list(finished_trials(ledger, list(ledger.records()[0])))


def test_runs_are_the_finished_trials(ledger, runs):
    assert [run.name for run in runs] == ["loss_share 25% seed 0", "stl:left 25% seed 0"]
    assert len({run.group for run in runs}) == 2
    share, stl = runs
    table = ledger.curves(ledger.datasets()[0]).to_pylist()
    for run in runs:
        rows = [row for row in table if row["trial_id"] == run.trial_id]
        assert [step for step, _ in run.scalars] == sorted(row["step"] for row in rows)
        assert run.scalars[-1][1]["test/left/accuracy"] == rows[-1]["test/left/accuracy"]
    assert "test/right/accuracy" in share.scalars[0][1]
    assert "test/right/accuracy" not in stl.scalars[0][1], "a task that it does not train"
    row = next(r for r in ledger.summary()[0].to_pylist() if r["trial_id"] == stl.trial_id)
    assert stl.final["at_best_val/left/accuracy"] == row["at_best_val"]


def test_trials_that_are_not_asked_for_are_left_out(ledger, runs):
    assert [run.trial_id for run in finished_trials(ledger, [runs[1].trial_id, "0" * 16])] == [runs[1].trial_id]


def test_scalars_are_finite():
    row = {"trial_id": "t", "step": 3, "seed": 1, "a": 1, "b": math.nan, "c": None, "strategy_scalars": [("x", 2.0)]}
    assert scalars_of(row) == {"a": 1.0, "strategy/x": 2.0}


# -- TensorBoard


def read_back(folder):
    """All scalars below a folder, by TensorBoard's own reader."""
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found = loader.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


@pytest.mark.filterwarnings("ignore")  # of TensorBoard's and tensorboardX's imports
def test_tensorboard_reads_what_was_written(runs, tmp_path):
    for _ in range(2):  # the second time replaces the first
        said = to_tensorboard(iter(runs), str(tmp_path), "small")
    assert said == f"2 trials written below {tmp_path}/small. View them with: tensorboard --logdir {tmp_path}"
    (folder,) = tmp_path.glob("small/*loss_share*/seed0-*")
    scalars = read_back(folder)
    expected = [(step, values["val/left/loss"]) for step, values in runs[0].scalars]
    assert [step for step, _ in scalars["val/left/loss"]] == [step for step, _ in expected]
    assert [value for _, value in scalars["val/left/loss"]] == pytest.approx([value for _, value in expected])
    ((step, value),) = scalars["best_test/left/accuracy"]
    assert (step, value) == (60, pytest.approx(runs[0].final["best_test/left/accuracy"]))


@pytest.mark.filterwarnings("ignore")
def test_live_rows_appear_once_and_a_new_attempt_starts_over(tmp_path):
    rows = [{"step": step, "val/left/loss": 1 / step} for step in (1, 2, 3)]
    live = LiveTensorBoard(tmp_path / "run")
    live.write(rows[:1])
    live.write(rows[:1])
    live.write(rows)
    live.close()
    assert [step for step, _ in read_back(tmp_path / "run")["val/left/loss"]] == [1, 2, 3]
    again = LiveTensorBoard(tmp_path / "run")
    again.write(rows[:2])
    again.close()
    assert [step for step, _ in read_back(tmp_path / "run")["val/left/loss"]] == [1, 2]


def test_live_trouble_is_kept_and_not_raised(tmp_path):
    (tmp_path / "file").write_text("")
    live = LiveTensorBoard(tmp_path / "file" / "run")
    live.write([{"step": 1, "loss": 1.0}])
    live.write([{"step": 1, "loss": 1.0}, {"step": 2, "loss": 1.0}])
    live.close()
    assert "Error" in live.trouble


# -- W&B and MLflow, by stand-ins with the calls that are used


class WandbRun:
    def __init__(self, options):
        self.options, self.logged, self.summary, self.finished = options, [], {}, False

    def log(self, values, step):
        assert not self.finished
        self.logged.append((step, values))

    def log_artifact(self, artifact):
        assert not self.finished
        self.artifact = artifact

    def finish(self):
        self.finished = True


class WandbArtifact:
    def __init__(self, name, type):
        self.name, self.files = name, {}

    @contextlib.contextmanager
    def new_file(self, name, mode):
        assert mode == "wb"
        yield (file := io.BytesIO())
        self.files[name] = file.getvalue()


def wandb_stand_in(fail_at=None):
    module = types.ModuleType("wandb")
    module.tracked = []

    def init(**options):
        if len(module.tracked) == fail_at:
            raise RuntimeError("api_key not configured")
        module.tracked.append(WandbRun(options))
        return module.tracked[-1]

    module.init, module.Artifact = init, WandbArtifact
    module.Settings = lambda **options: options
    return module


def test_wandb_gets_each_trial_under_its_id(runs, tmp_path, monkeypatch):
    module = wandb_stand_in()
    monkeypatch.setitem(sys.modules, "wandb", module)
    assert to_wandb(iter(runs), str(tmp_path), "small") == "2 trials sent to the W&B project `small`."
    for run, tracked in zip(runs, module.tracked, strict=True):
        assert tracked.finished
        assert (tracked.options["id"], tracked.options["group"]) == (run.trial_id, run.group)
        assert tracked.logged == list(run.scalars)
        assert tracked.summary == run.final


class MlflowClient:
    stores: ClassVar[dict] = {}

    def __init__(self, tracking_uri):
        self.runs = self.stores.setdefault(tracking_uri, {})

    def get_experiment_by_name(self, name):
        return None

    def create_experiment(self, name):
        return "1"

    def search_runs(self, experiments, query, max_results):
        wanted = query.split("'")[1]
        return [run for run in self.runs.values() if run.tags["mtlray.trial_id"] == wanted]

    def create_run(self, experiment_id, run_name, tags):
        run_id = f"run{len(self.runs)}"
        info = types.SimpleNamespace(run_id=run_id, status="RUNNING")
        self.runs[run_id] = types.SimpleNamespace(info=info, tags=tags, metrics=[], params=[])
        return self.runs[run_id]

    def delete_run(self, run_id):
        del self.runs[run_id]

    def log_batch(self, run_id, metrics=(), params=()):
        assert len(metrics) <= 1000
        assert all(len(value) <= 250 for _, value in params)
        self.runs[run_id].metrics += metrics
        self.runs[run_id].params += params

    def log_artifacts(self, run_id, folder, path):
        self.runs[run_id].artifacts = {f"{path}/{file.name}": file.read_bytes() for file in Path(folder).iterdir()}

    def set_terminated(self, run_id):
        self.runs[run_id].info.status = "FINISHED"


@pytest.fixture
def mlflow(monkeypatch):
    module, entities = types.ModuleType("mlflow"), types.ModuleType("mlflow.entities")
    module.MlflowClient = MlflowClient
    entities.Metric = lambda *values: values
    entities.Param = lambda *values: values
    monkeypatch.setitem(sys.modules, "mlflow", module)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    monkeypatch.setattr(MlflowClient, "stores", {})


@pytest.mark.usefixtures("mlflow")
def test_mlflow_gets_each_trial_once(runs):
    assert to_mlflow(iter(runs), "here", "small").startswith("2 trials sent")
    stored = MlflowClient.stores["here"]
    again = to_mlflow(iter(runs), "here", "small")
    assert again == "0 trials sent to the MLflow experiment `small` at here; 2 were already there."
    assert len(stored) == 2
    (first,) = (run for run in stored.values() if run.tags["mtlray.trial_id"] == runs[0].trial_id)
    step, values = runs[0].scalars[0]
    assert {("val/left/loss", values["val/left/loss"], 0, step)} <= set(first.metrics)


@pytest.mark.usefixtures("mlflow")
def test_a_torn_export_to_mlflow_is_made_again(runs):
    to_mlflow(iter(runs[:1]), "here", "small")
    (run,) = MlflowClient.stores["here"].values()
    run.info.status = "RUNNING"
    assert to_mlflow(iter(runs), "here", "small").startswith("2 trials sent")
    assert len(MlflowClient.stores["here"]) == 2


@pytest.mark.usefixtures("mlflow")
def test_kept_networks_are_artifacts(runs, ledger, tmp_path, monkeypatch):
    assert all(run.kept == {} for run in runs)
    trial_id, dataset = runs[0].trial_id, ledger.datasets()[0]
    network = KeptNetwork((2).to_bytes(8, "little") + b"{}", pa.table({"trial_id": [trial_id]}), {"trial_id": trial_id})
    write_kept(ledger.store, dataset, trial_id, network)
    try:
        kept, without = (next(finished_trials(ledger, [run.trial_id])) for run in runs)
    finally:
        ledger.store.delete_folder(f"kept/{dataset}")
    assert kept.kept.keys() == {f"{trial_id}.safetensors", f"{trial_id}.parquet"}
    assert dataclasses.replace(kept, kept={}) == runs[0]
    assert without == runs[1]
    module = wandb_stand_in()
    monkeypatch.setitem(sys.modules, "wandb", module)
    to_wandb([kept, without], str(tmp_path), "small")
    assert (module.tracked[0].artifact.name, module.tracked[0].artifact.files) == (f"kept-{trial_id}", kept.kept)
    assert not hasattr(module.tracked[1], "artifact")
    to_mlflow([kept, without], "there", "small")
    first, second = MlflowClient.stores["there"].values()
    assert first.artifacts == {f"kept/{name}": data for name, data in kept.kept.items()}
    assert not hasattr(second, "artifacts")


# -- the command


@pytest.fixture
def error(capsys, monkeypatch, ledger, unchecked):
    """The paragraph that a failing `mtlray export` prints; the results are as before."""

    def call(*arguments):
        folder = Path(ledger.results)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        monkeypatch.setattr(
            sys, "argv", ["mtlray", "export", *arguments, str(SMALL), "--results", str(folder), *NARROW]
        )
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        _, err = capsys.readouterr()
        assert len(err.strip().splitlines()) == 1
        return err

    return call


def test_a_missing_package_is_named_with_its_line(error, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert error("wandb").startswith("Error: This export needs the package `wandb`. Importing it failed: ")


def test_a_tracker_that_refuses_costs_its_export_alone(error, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", wandb_stand_in(fail_at=1))
    text = error("wandb")
    assert "after 1 that it took. It says: api_key not configured. The results are untouched. Log in" in text


def test_a_tracker_that_nobody_knows(error):
    assert "There is no tracker `tensorbord`. Did you mean `tensorboard`?" in error("tensorbord")
