"""Representations stored while trials run: at the right steps, of the trained network, and without any effect on the numbers."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mtlray import DWA, SGD, LeNet, MultiMNIST, RunConfig, TrialSpec
from mtlray.identity.provenance import Commit
from mtlray.results.representations import read_representations
from mtlray.results.schema import SUMMARY_CIRCUMSTANCES
from mtlray.running import representations
from mtlray.running.job import Job
from mtlray.running.pack import run_pack

TRIAL = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=200),
    model=LeNet(preset="C"),  # has dropout
    strategy=DWA(),
    optimizer=SGD(lr=0.02, momentum=0.9),
    steps=12,
    batch_size=16,
    evaluate_every=5,
)
LABEL = TRIAL.dataset.label


@pytest.fixture
def make_job(tmp_path, data_root):
    fingerprints = {LABEL: TRIAL.dataset.prepare(data_root)}

    def make(name, embed_at):
        config = RunConfig(data=str(data_root), results=str(tmp_path / name), device="cpu", checkpoint_seconds=0)
        return Job(
            sweep="s",
            config=config,
            commit=Commit("", False),
            fingerprints=fingerprints,
            embed_at=embed_at,
            launch=name,
        )

    return make


def numbers(job):
    summary = job.ledger().summary()[0].drop_columns([*SUMMARY_CIRCUMSTANCES])
    return summary, job.ledger().curves(LABEL).drop_columns(["train_samples_per_second"])


def test_they_change_no_number_and_hold_the_trained_features(make_job, data_root, monkeypatch):
    seen = {}
    original = representations.represent

    def noted(run, data, n):
        state = {name: tensor.clone() for name, tensor in run.networks.state().items()}
        seen[run.step] = (state, original(run, data, n))
        return seen[run.step][1]

    without, job = make_job("without", ()), make_job("with", (3, 5, 12))
    run_pack([TRIAL], without)
    monkeypatch.setattr(representations, "represent", noted)
    run_pack([TRIAL], job)
    assert all(one.equals(other) for one, other in zip(numbers(without), numbers(job), strict=True))
    assert read_representations(without.ledger().store, LABEL) is None
    frame = read_representations(job.ledger().store, LABEL).to_pandas()
    n = representations.N_EXAMPLES
    assert frame["step"].tolist() == [3] * n + [5] * n + [12] * n
    assert frame["example"].tolist() == list(range(n)) * 3
    assert set(frame["trial_id"]) == {TRIAL.trial_id}
    assert frame["epoch"].iloc[0] == 3 / TRIAL.batches_per_epoch
    test = TRIAL.dataset.load(data_root).splits["test"]
    for task in ("left", "right"):
        labels = test.targets[task].gather(test.located(torch.arange(n)[None]), torch.float32)[0]
        assert frame[f"label/{task}"].tolist() == labels.tolist() * 3
    for step, (_, features) in seen.items():
        stored = np.stack(frame.loc[frame["step"] == step, "features"].tolist())
        assert np.array_equal(stored, features[0].astype(np.float32))
    assert not np.array_equal(seen[3][1], seen[12][1])


def test_a_pack_stores_those_of_each_seed(make_job):
    trials = [dataclasses.replace(TRIAL, model=LeNet(), seed=seed) for seed in (0, 1)]
    job = make_job("pack", (6,))
    run_pack(trials, job)
    frame = read_representations(job.ledger().store, LABEL).to_pandas()
    assert frame.groupby("seed")["trial_id"].unique().map(list).to_dict() == {t.seed: [t.trial_id] for t in trials}
    one, other = (np.stack(part["features"].tolist()) for _, part in frame.groupby("seed"))
    assert not np.allclose(one, other)


def test_an_interrupted_trial_has_them_all(make_job):
    whole, cut = make_job("whole", (3, 12)), make_job("cut", (3, 12))
    run_pack([TRIAL], whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mtlray.training.loop._PROGRESS_EVERY", 0.0)
        run_pack([TRIAL], cut, lambda step: step >= 7)
    assert read_representations(cut.ledger().store, LABEL).column("step").unique().to_pylist() == [3]
    run_pack([TRIAL], cut)
    assert read_representations(cut.ledger().store, LABEL).equals(read_representations(whole.ledger().store, LABEL))


@pytest.mark.usefixtures("unchecked")  # stand-ins of networks and data
def test_a_map_of_features_is_averaged_over_its_places(data_root):
    TRIAL.dataset.prepare(data_root)
    maps = torch.arange(24.0).view(1, 2, 3, 2, 2)
    networks = SimpleNamespace(
        device=torch.device("cpu"), n_seeds=1, dtype=torch.float32, represent=lambda inputs: maps
    )
    data = SimpleNamespace(splits=TRIAL.dataset.load(data_root).splits)
    made = representations.represent(SimpleNamespace(networks=networks), data, 2)
    assert made.tolist() == [[[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]]]
