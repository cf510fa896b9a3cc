"""Kept networks: the right one, through kills and in packs, and back again with the same outputs."""

import dataclasses
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from mtlray import (
    DWA,
    MLP,
    SGD,
    ArrayDataset,
    Kept,
    LeNet,
    MultiMNIST,
    RunConfig,
    TrialSpec,
    Uncertainty,
    binary,
    classification,
    regression,
)
from mtlray.errors import ResultsError, SpecError
from mtlray.identity.provenance import Commit
from mtlray.models import Computation, Networks
from mtlray.results.kept import kept_sizes, read_predictions, read_weights
from mtlray.results.schema import SUMMARY_CIRCUMSTANCES
from mtlray.results.states import TrialState
from mtlray.running.job import Job
from mtlray.running.kept.keeping import check_keeping
from mtlray.running.kept.networks import kept_network, predict_to_file
from mtlray.running.pack import run_pack
from mtlray.training.run import Run
from mtlray.training.sampling import PackData
from mtlray.training.starting import rebuilt, tensors_of

pytest.importorskip("safetensors")


def arrays():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    noisy = x + rng.normal(size=x.shape)
    return {"x": x, "kind": noisy[:, :3].argmax(axis=1), "sign": noisy[:, 3] > 0, "sum": noisy.sum(axis=1)}


TASKS = (classification("kind", classes=3), binary("sign"), regression("sum"))
DATA = ArrayDataset(name="made_up", source=arrays, tasks=TASKS)
TRIAL = TrialSpec(
    dataset=DATA,
    model=MLP(widths=(8,)),
    strategy=DWA(),
    optimizer=SGD(lr=0.15),  # so large that the best evaluation is not the last one
    steps=40,
    batch_size=16,
    evaluate_every=5,
)
PACK = [dataclasses.replace(TRIAL, seed=seed) for seed in range(3)]
LABEL = TRIAL.dataset.label


@pytest.fixture(scope="module")
def fingerprint(data_root):
    return TRIAL.dataset.prepare(data_root)


@pytest.fixture
def make_job(tmp_path, data_root, fingerprint):
    def make(name, keep=None, results=None):
        config = RunConfig(
            data=str(data_root), results=results or str(tmp_path), device="cpu", checkpoint_seconds=0, keep=keep
        )
        return Job(sweep=name, config=config, commit=Commit("", False), fingerprints={LABEL: fingerprint}, launch=name)

    return make


def numbers(job):
    summary = job.ledger().summary()[0].drop_columns([*SUMMARY_CIRCUMSTANCES, "sweep"])
    return summary, job.ledger().curves(LABEL).drop_columns(["train_samples_per_second"])


def weights(job, trial):
    data, facts = read_weights(job.ledger().store, LABEL, trial.trial_id)
    return tensors_of(data), facts


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_the_kept_network_is_the_one_that_was_asked_for(make_job, data_root, monkeypatch, keep):
    """And keeping changes no number."""
    seen = {}
    advance = Run.advance

    def noted(run):
        found = advance(run)
        seen[run.step] = {name: tensor[0].clone() for name, tensor in run.networks.state().items()}
        return found

    run_pack([TRIAL], make_job("without"))
    monkeypatch.setattr(Run, "advance", noted)
    job = make_job("with", keep)
    run_pack([TRIAL], job)
    assert all(one.equals(other) for one, other in zip(numbers(make_job("without")), numbers(job), strict=True))
    row = job.ledger().summary()[0].to_pylist()[0]
    assert row["joint_val_step"] < TRIAL.steps, "else the test tells nothing"
    tensors, facts = weights(job, TRIAL)
    step = row["joint_val_step"] if keep == "best" else TRIAL.steps
    assert (facts["step"], facts["keep"], facts["spec"]) == (step, keep, TRIAL.canonical)
    assert same(tensors, seen[step])

    predictions = read_predictions(job.ledger().store, LABEL, TRIAL.trial_id).to_pandas()
    assert predictions["example"].tolist() == list(range(TRIAL.dataset.n_examples("test")))
    right = np.stack(predictions["prediction/kind"]).argmax(axis=1) == predictions["label/kind"]
    curve = {r["step"]: r for r in job.ledger().curves(LABEL).to_pylist()}
    assert 100 * right.mean() == pytest.approx(curve[step]["test/kind/accuracy"], abs=1e-9)


def test_the_network_comes_back_and_predicts_the_same(make_job, tmp_path):
    job = make_job("s", "best")
    run_pack([TRIAL], job)
    ledger = job.ledger()
    said = predict_to_file(TRIAL, ledger, job.config, "test", tmp_path / "test.parquet")
    kept = read_predictions(ledger.store, LABEL, TRIAL.trial_id)
    assert pq.read_table(tmp_path / "test.parquet").equals(kept)
    assert said.startswith("60 test examples, predicted by the network of step ")
    predict_to_file(TRIAL, ledger, job.config, "val", tmp_path / "val.parquet")
    assert pq.read_table(tmp_path / "val.parquet").num_rows == DATA.n_examples("val")
    with pytest.raises(ResultsError, match="should be written to"):
        predict_to_file(TRIAL, ledger, job.config, "val", tmp_path / "no" / "val.parquet")


def test_a_convolutional_network_gives_the_kept_outputs(make_job, data_root):
    """Its layout in memory and its kernel are part of what it computes; a task with a picture is kept too."""
    digits = MultiMNIST(source="mnist5k", val_digits=200, task_names=("left", "reconstruct"))
    trial = dataclasses.replace(TRIAL, dataset=digits, model=LeNet(), optimizer=SGD(lr=0.05), fraction=0.02, steps=3)
    job = make_job("s", "last")
    job.fingerprints[digits.label] = digits.prepare(data_root)
    run_pack([trial], job)
    networks, step = kept_network(trial, job.ledger(), job.config)
    kept = read_predictions(job.ledger().store, digits.label, trial.trial_id)
    assert step == 3
    assert kept.schema.field("prediction/reconstruct").metadata == {b"shape": b"36,36"}
    inputs = digits.load(data_root).splits["test"].inputs.gather(torch.arange(500)[None], torch.float32)[0]
    with torch.no_grad():
        found = networks.module.eval()(inputs.contiguous(memory_format=torch.channels_last))
    for name, predicted in zip(("left", "reconstruct"), found, strict=True):
        stored = np.stack(kept[f"prediction/{name}"][:500].to_pylist()).astype(np.float32)
        assert np.array_equal(predicted.flatten(1).numpy(), stored), name


@pytest.mark.parametrize("pack", [PACK[:1], PACK], ids=["alone", "packed"])
def test_the_best_so_far_survives_a_kill(make_job, monkeypatch, pack):
    monkeypatch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)
    whole, job = make_job("whole", "best"), make_job("killed", "best")
    run_pack(pack, whole)
    best = {t.trial_id: weights(whole, t)[1]["step"] for t in pack}
    assert min(best.values()) < 37

    def progress(step):
        if step == 37:
            raise SystemExit(0)

    with pytest.raises(SystemExit):
        run_pack(pack, job, progress)
    run_pack(pack, job)
    assert "training from step 36" in job.ledger().folder(pack[0].trial_id).read_log(2)
    for trial in pack:
        (one, about), (other, also) = weights(whole, trial), weights(job, trial)
        assert same(one, other)
        assert about == also
    assert len(set(best.values())) > 1 or len(pack) == 1, "each seed has its own"


def test_what_was_best_without_keep_is_not_made_up(make_job, monkeypatch):
    monkeypatch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)
    run_pack([TRIAL], job := make_job("whole", "best"))
    best = weights(job, TRIAL)[1]["step"]

    def progress(step):
        if step == best + 1:
            raise SystemExit(0)

    with pytest.raises(SystemExit):
        run_pack([TRIAL], make_job("late"), progress)
    run_pack([TRIAL], job := make_job("late", "best"))
    assert kept_sizes(job.ledger().store) == {}
    assert "Nothing is kept: the best evaluation was before" in job.ledger().folder(TRIAL.trial_id).read_log(2)


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_trial_that_stops_early_keeps_its_network_too(make_job, keep):
    trial = dataclasses.replace(TRIAL, steps=400, patience=1)
    job = make_job("early", keep)
    (ending,) = run_pack([trial], job)
    assert ending.state == "done"
    row = job.ledger().summary()[0].to_pylist()[0]
    assert row["stopped_early"]
    steps = job.ledger().curves(LABEL)["step"].to_pylist()
    assert max(steps) < trial.steps, "else the test tells nothing"
    _, facts = weights(job, trial)
    assert facts["step"] == (row["joint_val_step"] if keep == "best" else max(steps))
    assert read_predictions(job.ledger().store, LABEL, trial.trial_id) is not None


def test_a_diverged_trial_keeps_nothing(make_job):
    trial = dataclasses.replace(TRIAL, optimizer=SGD(lr=1e9))
    job = make_job("s", "last")
    assert run_pack([trial], job)[0].state is TrialState.DIVERGED
    with pytest.raises(ResultsError, match="a diverged trial has none"):
        read_weights(job.ledger().store, LABEL, trial.trial_id)


def test_a_metric_without_a_scale_ends_the_trial_with_the_remedy(make_job, monkeypatch):
    monkeypatch.setattr(type(TRIAL.tasks[0].metrics[0]), "perfect", None)
    (ending,) = run_pack([TRIAL], make_job("s", "best"))
    assert ending.state is TrialState.FAILED
    assert "Choose --keep last" in ending.text


def test_best_needs_validation_examples():
    trial = dataclasses.replace(TRIAL, dataset=dataclasses.replace(DATA, val=0))
    with pytest.raises(SpecError, match=r"has no validation examples\. Hold some out, or choose --keep last"):
        check_keeping([trial], RunConfig(keep="best"))
    check_keeping([trial], RunConfig(keep="last"))
    with pytest.raises(SpecError, match="`keep` should"):
        RunConfig(keep="all")


def test_on_an_object_store(make_job, uri):
    job = make_job("s", "last", results=uri)
    run_pack([dataclasses.replace(TRIAL, steps=5)], job)
    sizes = kept_sizes(job.ledger().store)
    assert sizes.keys() == {dataclasses.replace(TRIAL, steps=5).trial_id}
    kept = Kept(f"{uri}/s", trial=next(iter(sizes)))
    assert len(kept.content) == 64


# -- starting from kept weights


@pytest.fixture
def kept_of(make_job, tmp_path):
    job = make_job("before", "last")
    run_pack(PACK, job)
    return lambda trial, **parts: Kept(str(tmp_path / "before"), trial=trial.trial_id, **parts)


def first_weights(trial, data_root, n=1):
    trials = [dataclasses.replace(trial, seed=seed) for seed in range(n)]
    data = PackData(trials, trial.dataset.load(data_root), torch.device("cpu"))
    run = Run.of(trials, data, Computation(torch.device("cpu")))
    data.close()
    return run.networks.state()


def test_a_trial_starts_from_kept_weights(make_job, kept_of, data_root, tmp_path):
    kept = kept_of(PACK[1])
    trial = dataclasses.replace(TRIAL, start_from=kept, steps=5)
    assert trial.trial_id != dataclasses.replace(TRIAL, steps=5).trial_id
    assert json.loads(trial.canonical)["start_from"] == {"type": "Kept", "content": kept.content, "parts": "all"}
    tensors, _ = weights(make_job("before"), PACK[1])
    for state in first_weights(trial, data_root, n=2), first_weights(trial, data_root):
        assert all(
            torch.equal(state[name][seed], tensors[name]) for name in tensors for seed in range(len(state[name]))
        )
    path = tmp_path / "copy.safetensors"
    path.write_bytes((tmp_path / "before" / "kept" / LABEL / f"{PACK[1].trial_id}.safetensors").read_bytes())
    assert dataclasses.replace(trial, start_from=Kept(str(path))).trial_id == trial.trial_id, "where it lies is no part"
    assert dataclasses.replace(trial, start_from=kept_of(PACK[2])).trial_id != trial.trial_id
    (ending,) = run_pack([trial], make_job("after"))
    assert ending.state is TrialState.DONE


def test_a_trunk_serves_other_tasks(kept_of, data_root):
    other = dataclasses.replace(
        TRIAL, strategy=Uncertainty(), dataset=dataclasses.replace(DATA, name="other", tasks=TASKS[:2])
    )
    with pytest.raises(SpecError, match=r'`heads\.sum\..*no such tensor.*parts="trunk"'):
        dataclasses.replace(other, start_from=kept_of(PACK[0])).check()
    trial = dataclasses.replace(other, start_from=kept_of(PACK[0], parts="trunk"))
    trial.check()
    trial.dataset.prepare(data_root)
    state, plain = first_weights(trial, data_root), first_weights(other, data_root)
    changed = {name for name in state if not torch.equal(state[name], plain[name])}
    assert changed == {name for name in state if name.startswith("trunk.")}


def test_weights_that_changed_since_the_plan_are_refused(kept_of, tmp_path, make_job):
    trial = dataclasses.replace(TRIAL, start_from=kept_of(PACK[0]), steps=5)
    folder = tmp_path / "before" / "kept" / LABEL
    (folder / f"{PACK[0].trial_id}.safetensors").write_bytes((folder / f"{PACK[1].trial_id}.safetensors").read_bytes())
    (ending,) = run_pack([trial], make_job("after"))
    assert ending.state is TrialState.FAILED
    assert "should have the content" in ending.text


def test_other_weights_than_the_models_are_refused(make_job, kept_of):
    wider = dataclasses.replace(TRIAL, model=MLP(widths=(9,)))
    store = make_job("before").ledger().store
    data, _ = read_weights(store, LABEL, PACK[0].trial_id)
    with pytest.raises(SpecError, match="should be those of model"):
        rebuilt(wider, data, Computation(torch.device("cpu")))
    assert isinstance(rebuilt(PACK[0], data, Computation(torch.device("cpu"))), Networks)
