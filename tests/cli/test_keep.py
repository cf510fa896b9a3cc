"""`--keep`, `predict`, and what the other commands make of kept networks."""

import json

import pyarrow.parquet as pq
import pytest

pytest.importorskip("safetensors")

FILE = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mtlray import MLP, SGD, AbstractWeighting, ArrayDataset, SweepSpec, TrialSpec, binary, regression


def arrays():
    x = np.random.default_rng(0).normal(size=(120, 3))
    return {"x": x, "sign": x[:, 0] > 0, "sum": x.sum(axis=1)}


@dataclass(frozen=True)
class Half(AbstractWeighting):
    key: ClassVar[str] = "half"

    def combine(self, losses, state):
        return FACTOR * losses.sum(dim=1), 0.5 + 0 * losses, state


FACTOR = 0.5
SWEEP = SweepSpec(
    name="kept",
    question="?",
    base=TrialSpec(
        dataset=ArrayDataset(name="made_up", source=arrays, tasks=(binary("sign"), regression("sum"))),
        model=MLP(widths=(4,)), strategy=Half(), optimizer=SGD(lr=0.1), steps=10, batch_size=16, evaluate_every=5,
    ),
    strategies=(Half(),),
    seeds=range(2),
)
"""


@pytest.fixture
def sweep(cli, tmp_path):
    path = tmp_path / "kept.py"
    path.write_text(FILE)
    code, out, err = cli("run", path, "--in-process", "--yes", "--keep", "best")
    assert code == 0, out + err
    return path


def ids(cli, path):
    code, out, err = cli("status", path, "--json")
    assert code == 0, err
    return json.loads(out)


def test_a_kept_network_through_the_commands(cli, sweep, tmp_path):
    status = ids(cli, sweep)
    files = list((tmp_path / "results" / "kept" / "kept" / "made_up").iterdir())
    size = sum(path.stat().st_size for path in files)
    assert len(files) == 4
    assert status["kept"] == {"networks": 2, "bytes": size}
    assert f"kept: 2 networks, {size / 1e6:,.1f} MB" in cli("status", sweep)[1]
    trial = next(iter(status["trials"]))

    code, out, err = cli("predict", sweep, trial[:8], "--split", "val", "--out", tmp_path / "val.parquet")
    assert code == 0, err
    assert out.startswith("12 val examples, predicted by the network of step ")
    assert pq.read_table(tmp_path / "val.parquet").column_names == [
        "trial_id", "step", "example", "label/sign", "prediction/sign", "label/sum", "prediction/sum",
    ]  # fmt: skip
    for arguments, expected in (
        ((sweep, "zzz", "--out", "x"), "begins with `zzz`. Found none."),
        ((sweep, trial, "--split", "vali", "--out", "x"), "Did you mean `val`?"),
    ):
        code, _, err = cli("predict", *arguments)
        assert (code, expected in err) == (2, True), err

    before = {path.name: path.read_bytes() for path in files}
    assert cli("compact", sweep)[0] == 0
    assert {path.name: path.read_bytes() for path in files} == before
    assert cli("run", sweep, "--in-process", "--yes", "--keep", "last")[0] == 0
    assert {path.name: path.read_bytes() for path in files} == before, "finished trials are not trained again for it"


def test_adopt_copies_and_prune_removes(cli, sweep, tmp_path):
    old = set(ids(cli, sweep)["trials"])
    sweep.write_text(FILE.replace("FACTOR", "SHARE"))
    new = set(ids(cli, sweep)["trials"])
    assert not old & new
    code, _, err = cli("adopt", sweep, "--reason", "renamed a constant")
    assert code == 0, err
    folder = tmp_path / "results" / "kept" / "kept" / "made_up"
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == old | new
    code, _, err = cli("predict", sweep, next(iter(new)), "--out", tmp_path / "test.parquet")
    assert code == 0, err
    assert cli("run", sweep, "--in-process", "--yes")[0] == 0  # names the present trials in sweep.json
    assert cli("prune", sweep, "--yes")[0] == 0
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == new
