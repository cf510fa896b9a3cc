"""From Python: the same numbers as the commands, and what is refused."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest
import torch

import mtlray
from mtlray import DWA, MLP, SGD, ArrayDataset, Equal, MultiMNIST, SweepSpec, TrialSpec, binary, classification
from mtlray.calls.running import _configured
from mtlray.errors import LaunchError, ResultsError, SpecError
from mtlray.results.kept import read_predictions
from mtlray.results.ledger import Ledger
from mtlray.specs.decoding import decoded

pytestmark = pytest.mark.usefixtures("unchecked")


def arrays():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    noisy = x + rng.normal(size=x.shape)
    return {"x": x, "kind": noisy[:, :3].argmax(axis=1), "sign": noisy[:, 3] > 0}


DATA = ArrayDataset(name="made_up", source=arrays, tasks=(classification("kind", classes=3), binary("sign")))
BASE = TrialSpec(
    dataset=DATA, model=MLP(widths=(8,)), strategy=Equal(), optimizer=SGD(lr=0.1), steps=20, batch_size=16,
    evaluate_every=10,
)  # fmt: skip
SWEEP = SweepSpec(name="small", question="Which?", base=BASE, strategies=(Equal(), DWA()), seeds=(0, 1))


@pytest.fixture
def options(tmp_path, data_root):
    return {"results": tmp_path / "results", "in_process": True, "data": data_root, "device": "cpu"}


def test_a_sweep_runs_and_its_table_comes_back(options, tmp_path, capsys):
    frame = mtlray.run(SWEEP, **options, keep="last")
    said = capsys.readouterr().out
    assert "4 trials" in said
    assert frame.groupby("strategy")["n"].max().to_dict() == {"dwa": 2, "equal": 2}
    folder = tmp_path / "results" / "small"
    for again in (
        mtlray.table(SWEEP, results=tmp_path / "results"),
        mtlray.table(folder),
        mtlray.run(SWEEP, **options, quiet=True),
    ):
        pd.testing.assert_frame_equal(again, frame)
    assert capsys.readouterr().out == ""
    assert set(mtlray.table(folder, kind="leaderboard")["strategy"]) == {"dwa", "equal"}
    fewer = dataclasses.replace(SWEEP, strategies=(Equal(),))
    assert set(mtlray.table(fewer, results=tmp_path / "results")["strategy"]) == {"equal"}

    trial = SWEEP.trials()[3]
    curves = Ledger(str(tmp_path / "results"), "small").curves("made_up").to_pandas()
    curves = curves[curves["trial_id"] == trial.trial_id].reset_index(drop=True)
    alone = mtlray.trial(trial, data=options["data"], device="cpu", quiet=True)
    names = [name for name in alone if name not in ("train_samples_per_second", "strategy_scalars")]
    pd.testing.assert_frame_equal(alone[names], curves[names], check_exact=True)
    assert alone.attrs == {"trial_id": trial.trial_id, "state": "done"}


def test_a_network_comes_back(options, tmp_path):
    mtlray.run(SWEEP, **options, quiet=True, keep="best")
    folder, trial = tmp_path / "results" / "small", SWEEP.trials()[1]
    network = mtlray.load(trial, results=folder)
    assert not network.training
    kept = read_predictions(Ledger(str(tmp_path / "results"), "small").store, "made_up", trial.trial_id).to_pandas()
    test = DATA.load(options["data"]).splits["test"]
    inputs = test.inputs.gather(test.located(torch.arange(len(test))[None]), torch.float32)[0]
    with torch.no_grad():
        kind, sign = network(inputs)
    assert np.array_equal(kind.numpy(), np.stack(kept["prediction/kind"]))
    assert np.array_equal(sign.flatten().numpy(), np.stack(kept["prediction/sign"]).ravel())
    same = mtlray.load(trial.trial_id[:6], results=folder, sweep=SWEEP).state_dict()
    assert all(torch.equal(same[name], tensor) for name, tensor in network.state_dict().items())
    with pytest.raises(SpecError, match=r"sweep=SWEEP"):
        mtlray.load(trial.trial_id, results=folder)
    with pytest.raises(ResultsError, match="Found no such file"):
        mtlray.load("0" * 16, results=folder)
    with pytest.raises(ResultsError, match=r"with a file sweep\.json"):
        mtlray.load(trial, results=tmp_path)


def test_a_trial_of_mtlrays_own_classes_is_found_by_its_id_alone():
    base = TrialSpec(
        dataset=MultiMNIST(source="mnist5k", val_digits=200), model=mtlray.LeNet(), strategy=mtlray.CAGrad(), steps=3,
        optimizer=mtlray.AdamW(lr=0.001, schedule=mtlray.Cosine()), fraction=0.25,
    )  # fmt: skip
    assert decoded(base.canonical) == base
    assert decoded(BASE.canonical) is None, "its data are the user's"
    assert decoded(base.canonical.replace('"CAGrad"', '"Mine@01234567"')) is None
    assert decoded(base.canonical.replace('"steps":3', '"steps":"3"')) is None
    assert decoded("{") is None


def test_a_sweep_that_does_not_complete_raises(options, tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(Equal, "combine", lambda self, losses, state: 1 / 0)
        for _ in range(2):
            with pytest.raises(
                LaunchError, match=r"Found 2 trials failed, the first with: ZeroDivisionError.*retry=True"
            ):
                mtlray.run(SWEEP, **options, quiet=True)
    assert mtlray.run(SWEEP, **options, quiet=True, retry=True)["n"].min() == 2


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: mtlray.run(BASE), "should be a SweepSpec or the path of a sweep file"),
        (lambda: mtlray.trial(SWEEP), "A whole sweep is run by `mtlray.run`"),
        (lambda: mtlray.trial(BASE, device="gpu"), "`device` should"),
        (lambda: mtlray.trial(BASE, worker=2), "Did you mean `workers`"),
        (lambda: mtlray.run("nothing.py"), "Found no file `nothing.py`"),
        (lambda: mtlray.table(SWEEP, kind="cell"), "no kind of table"),
    ],
)
def test_what_is_refused(call, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Ledger("results", "small").write_sweep(SWEEP.describe(SWEEP.trials()))
    with pytest.raises(SpecError, match=expected):
        call()


def test_options_reach_the_class_they_belong_to():
    config, policy = _configured({"keep": "last", "max_failed": 3}, results="r")
    assert (config.keep, config.results, policy.max_failed) == ("last", "r", 3)


def test_the_calls_load_late():
    import subprocess

    code = "import sys, mtlray; mtlray.run; assert 'torch' in sys.modules"
    quick = "import sys, mtlray; dir(mtlray); assert not {'torch', 'pandas', 'mtlray.calls'} & set(sys.modules)"
    for text in (code, quick):
        assert subprocess.run([sys.executable, "-c", text], check=False).returncode == 0


def test_kept_weights_are_an_axis_like_any_other(options, tmp_path):
    mtlray.run(SWEEP, **options, quiet=True, keep="last")
    one = mtlray.Kept(str(tmp_path / "results" / "small"), trial=SWEEP.trials()[0].trial_id)
    both = dataclasses.replace(SWEEP, name="both", strategies=(Equal(),), axes={"start_from": (None, one)})
    frame = mtlray.run(both, **options, quiet=True)
    assert frame["n"].tolist() == [2] * len(frame)
    assert set(frame["start_from"]) == {"none", f"kept:{one.content[:8]}"}
