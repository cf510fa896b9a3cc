"""Kept files: sealed, readable by other tools, removed and copied with their trial, and whole after a kill."""

import os

import numpy as np
import pyarrow as pa
import pytest

from mtlray import Kept
from mtlray.errors import DataError, ResultsError
from mtlray.results.kept import KeptNetwork, copy_kept, kept_sizes, read_predictions, read_weights, write_kept
from mtlray.results.ledger import Ledger
from mtlray.results.removal import held, remove
from mtlray.storage.seal import BrokenSealError
from mtlray.storage.store import Store
from mtlray.storage.weights_file import content_of_weights, facts_of_weights, sealed_weights, shapes_of_weights

safetensors = pytest.importorskip("safetensors.numpy")

ONE, TWO = "0" * 16, "1" * 16
TENSORS = {"trunk.w": np.arange(6, dtype=np.float32).reshape(2, 3), "heads.a.b": np.ones(3), "trunk.n": np.array(7)}


def kept(trial_id=ONE):
    table = pa.table({"trial_id": [trial_id] * 2, "step": [5, 5], "example": [0, 1], "prediction/a": [0.5, 0.25]})
    facts = {"trial_id": trial_id, "step": 5, "keep": "best", "spec": '{"a":"b"}', "data_fingerprint": "f"}
    return KeptNetwork(safetensors.save(TENSORS), table, facts)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "s")
    write_kept(store, "d", ONE, kept())
    return store


def test_another_reader_of_the_format_reads_it(store):
    found = safetensors.load_file(store.local / "kept" / "d" / f"{ONE}.safetensors")
    assert found.keys() == TENSORS.keys()
    assert all(np.array_equal(found[name], TENSORS[name]) for name in found)


def test_facts_content_and_shapes(store):
    data, facts = read_weights(store, "d", ONE)
    assert facts == kept().facts
    assert content_of_weights(data) == content_of_weights(kept().weights), "what is said about tensors is no part"
    assert shapes_of_weights(data) == {"trunk.w": (2, 3), "heads.a.b": (3,), "trunk.n": ()}
    for name in TENSORS:
        other = {**TENSORS, name: np.asarray(TENSORS[name] + 1)}
        assert content_of_weights(safetensors.save(other)) != content_of_weights(data)
    renamed = {name.replace("trunk.w", "trunk.v"): tensor for name, tensor in TENSORS.items()}
    assert content_of_weights(safetensors.save(renamed)) != content_of_weights(data)
    assert facts_of_weights(kept().weights) == {}


def test_every_flipped_byte_is_found():
    data = sealed_weights(kept().weights, {"trial_id": ONE})
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            facts = facts_of_weights(flipped)
        except BrokenSealError:
            continue
        assert facts.get("trial_id") != ONE, at  # the name of the seal itself: another's file, and so not the trial's


@pytest.mark.parametrize("damage", [b"", b"\xff" * 8, b"torn", b"longer"])
def test_what_is_no_whole_file_is_refused(store, damage, tmp_path):
    path = store.local / "kept" / "d" / f"{ONE}.safetensors"
    data = path.read_bytes()
    path.write_bytes({b"torn": data[:-3], b"longer": data + b"\0"}.get(damage, damage))
    with pytest.raises(ResultsError, match=r"should hold the weights .* as they were kept\. Found others: "):
        read_weights(store, "d", ONE)
    with pytest.raises(DataError, match="should open"):
        Kept(str(path))


def test_another_trials_file_is_refused(store):
    folder = store.local / "kept" / "d"
    (folder / f"{TWO}.safetensors").write_bytes((folder / f"{ONE}.safetensors").read_bytes())
    with pytest.raises(ResultsError, match=f"It holds the weights of {ONE}"):
        read_weights(store, "d", TWO)


def test_a_missing_file_is_refused_with_the_remedy(store, tmp_path):
    with pytest.raises(ResultsError, match="`mtlray run --keep best`"):
        read_weights(store, "d", TWO)
    with pytest.raises(DataError, match=f"of trial {TWO} should lie in"):
        Kept(str(store.local), trial=TWO)


def test_it_goes_with_its_trial(store, tmp_path):
    ledger = Ledger(str(tmp_path), "s")
    write_kept(store, "d", TWO, kept(TWO))
    assert held(ledger) == {ONE, TWO}
    assert kept_sizes(store)[ONE] == sum(p.stat().st_size for p in store.local.rglob(f"{ONE}.*"))
    remove(ledger, {ONE})
    assert kept_sizes(store).keys() == {TWO}
    assert held(ledger) == {TWO}


def test_a_copy_is_the_other_trials(store):
    copy_kept(store, ("d", ONE), "e", TWO, "{}")
    data, facts = read_weights(store, "e", TWO)
    assert facts == {**kept().facts, "trial_id": TWO, "spec": "{}"}
    assert content_of_weights(data) == content_of_weights(read_weights(store, "d", ONE)[0])
    assert set(read_predictions(store, "e", TWO)["trial_id"].to_pylist()) == {TWO}
    copy_kept(store, ("d", TWO), "e", "2" * 16, "{}")
    assert "2" * 16 not in kept_sizes(store)


def test_killed_between_its_files_a_trial_is_written_again(tmp_path):
    store = Store(tmp_path / "k")
    pid = os.fork()
    if pid == 0:
        os.environ["MTLRAY_FAILPOINT"] = "kept-weights"
        write_kept(store, "d", ONE, kept())
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    assert store.names("kept/d") == [f"{ONE}.safetensors"]
    assert read_predictions(store, "d", ONE) is None
    write_kept(store, "d", ONE, kept())
    assert read_predictions(store, "d", ONE) is not None
    assert read_weights(store, "d", ONE)[1] == kept().facts
