"""Prepared data at a URI: fetched once a node, whole or not at all, whoever else fetches, whenever the process dies."""

import json
import multiprocessing
import os
import shutil
import signal
from collections import namedtuple

import numpy as np
import pytest
from places import SMALL
from s3_server import EXPIRED

from mtlray import IMDBWiki, MultiMNIST, NYUv2, UTKFace
from mtlray.data.files import prepared
from mtlray.data.files.remote import Remote, check, make_ready, push
from mtlray.errors import DataError, LaunchError, StoreError
from mtlray.running.on_ray.preflight import RemoteData, inspect_node, judge

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("s3")]  # warnings of moto's imports

ARRAYS = {"a": np.arange(200_000, dtype=np.uint8).reshape(-1, 4), "b": np.zeros((0, 4), np.uint8)}
MARK = prepared.fingerprint(ARRAYS)
NAME = "prepared/mine"
SPAWN = multiprocessing.get_context("spawn")


def made(root):
    """A folder as a data set prepares it, with a note."""

    def write(writer):
        for name, array in ARRAYS.items():
            writer.whole(name, array)
        writer.about["form"] = "mine"

    prepared.prepare_rows(root / NAME, write)
    return root / NAME


@pytest.fixture
def shelf(tmp_path):
    """A folder that all nodes share, with the arrays in it."""
    place = tmp_path / "shared"
    assert Remote(str(place)).put(made(tmp_path / "maker"), NAME)
    return place


def gets(server):
    return [path.rpartition("/")[2] for method, path, _ in server.requests if method == "GET"]


def fetch_at_once(uri, folder, barrier, queue):
    barrier.wait()
    Remote(uri).fetch(NAME, folder)
    queue.put(prepared.load(folder)[1])


def die_while_fetching(place, folder):
    """Killed by the system when one array is on disk and the next is not."""
    copied = prepared.Writer.copied

    def copy_and_die(writer, name, pieces):
        copied(writer, name, pieces)
        os.kill(os.getpid(), signal.SIGKILL)

    prepared.Writer.copied = copy_and_die
    Remote(place).fetch(NAME, folder)


def test_there_and_back(server, uri, tmp_path):
    made(tmp_path)
    assert Remote(uri).put(tmp_path / NAME, NAME)
    assert not Remote(uri).put(tmp_path / NAME, NAME), "it is there"
    lines = []
    Remote(uri).fetch(NAME, tmp_path / "node" / NAME, lines.append)
    arrays, mark = prepared.load(tmp_path / "node" / NAME)
    assert mark == MARK
    assert {name: array.tolist() for name, array in arrays.items()} == {n: a.tolist() for n, a in ARRAYS.items()}
    assert prepared.about(tmp_path / "node" / NAME) == {"form": "mine"}
    assert lines == [f"Fetching 0.2 MB from {uri}/{NAME} to {tmp_path}/node/{NAME}"]


def test_of_two_processes_that_come_at_once_one_fetches(server, uri, tmp_path):
    Remote(uri).put(made(tmp_path), NAME)
    server.requests.clear()
    barrier, queue = SPAWN.Barrier(2), SPAWN.Queue()
    workers = [SPAWN.Process(target=fetch_at_once, args=(uri, tmp_path / "node", barrier, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [queue.get(timeout=60) for _ in workers] == [MARK] * 2
    for worker in workers:
        worker.join()
    assert gets(server).count("a.npy") == 1


def test_killed_while_fetching_leaves_nothing_half_made(shelf, tmp_path):
    folder = tmp_path / "node" / NAME
    worker = SPAWN.Process(target=die_while_fetching, args=(str(shelf), folder))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL
    assert not folder.exists()
    assert any(path.is_dir() for path in folder.parent.iterdir()), "it had begun"
    Remote(str(shelf)).fetch(NAME, folder)
    assert prepared.load(folder)[1] == MARK
    assert [path.name for path in folder.parent.iterdir() if path.is_dir()] == [folder.name]


def test_nothing_there(uri, tmp_path):
    with pytest.raises(DataError) as caught:
        Remote(uri).fetch(NAME, tmp_path / "node")
    assert str(caught.value) == (
        f"Prepared data should lie in {uri}/{NAME}. Found nothing there. Upload it with `mtlray data push SWEEP --to {uri}` "
        "on a machine that has the data, or leave --data-from out."
    )
    assert not any(tmp_path.iterdir())


def test_a_store_that_refuses_names_its_remedy(server, uri, tmp_path):
    folder = made(tmp_path)
    server.refusal = EXPIRED
    for ask in (lambda: Remote(uri).put(folder, NAME), lambda: Remote(uri).fetch(NAME, tmp_path / "node")):
        with pytest.raises(
            StoreError, match=rf"^Prepared data should lie in {uri}\. The store says: .*The credentials"
        ):
            ask()


def test_an_upload_that_was_cut_off_is_not_seen_and_goes_on(server, uri, tmp_path):
    folder = made(tmp_path)
    server.cut = "a.npy"
    with pytest.raises(StoreError, match="The store did not answer"):
        Remote(uri).put(folder, NAME)
    server.reset()
    with pytest.raises(DataError, match="Found nothing there"):
        Remote(uri).fingerprint(NAME)
    assert Remote(uri).put(folder, NAME)
    Remote(uri).fetch(NAME, tmp_path / "node")


def test_a_full_disk(shelf, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1_000, 0, 1_000))
    folder = tmp_path / "node"
    with pytest.raises(DataError) as caught:
        Remote(str(shelf)).fetch(NAME, folder)
    assert str(caught.value) == (
        f"Prepared data should be written to {folder}. Found: [Errno 28] No space left on device: `{NAME}` needs 200,256 bytes, "
        "1,000 are free. Free space there, or choose another place with --data."
    )
    assert not folder.exists()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (
            lambda folder: (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:-3]),
            "a.npy: 199,997 bytes of",
        ),
        (lambda folder: (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:9]), ""),
        (lambda folder: (folder / "a.npy").write_bytes(b""), ""),
        (lambda folder: (folder / "a.npy").unlink(), "a.npy is missing"),
        (lambda folder: (folder / "meta.json").write_text("{"), "meta.json does not hold what it should"),
        (
            lambda folder: (folder / "meta.json").write_text(json.dumps({"fingerprint": "0" * 16})),
            r"meta.json does not hold what it should \(no arrays",
        ),
        (
            lambda folder: (folder / "meta.json").write_text(json.dumps({"fingerprint": "0", "arrays": ["a"]})),
            r"meta.json .* \(fingerprint 0\)",
        ),
    ],
    ids=["cut", "header cut", "empty", "missing", "torn record", "record without arrays", "other arrays"],
)
def test_damage_there_is_named_and_not_fetched(shelf, tmp_path, damage, found):
    damage(shelf / NAME)
    with pytest.raises(DataError, match=f"The prepared data in {shelf}/{NAME} is damaged: {found}") as caught:
        Remote(str(shelf)).fetch(NAME, tmp_path / "node")
    assert str(caught.value).endswith(
        f"Remove that folder there, and upload it again with `mtlray data push SWEEP --to {shelf}` on a machine that has "
        "the data."
    )
    assert not (tmp_path / "node").exists()


def test_other_data_is_not_put_over_what_is_there(shelf, tmp_path):
    other = prepared.prepare(tmp_path / "other", lambda: {"a": ARRAYS["a"] + 1})
    with pytest.raises(DataError) as caught:
        Remote(str(shelf)).put(tmp_path / "other", NAME)
    assert str(caught.value) == (
        f"{shelf}/{NAME} holds other data: fingerprint {MARK}, where {tmp_path}/other has {other}. Choose another place, or "
        "remove what is there if nothing is made with it."
    )


def test_damaged_data_is_not_put_there(tmp_path):
    folder = made(tmp_path)
    (folder / "a.npy").write_bytes((folder / "a.npy").read_bytes()[:-1])
    with pytest.raises(DataError, match=f"The prepared data in {folder} is damaged"):
        Remote(str(tmp_path / "shared")).put(folder, NAME)
    assert not (tmp_path / "shared").exists()


def test_a_data_set_is_fetched_and_then_never_asked_for(server, uri, data_root, digits_spec, tmp_path):
    (line,) = push([digits_spec], data_root, uri)
    mark = digits_spec.load(data_root).fingerprint
    assert line.endswith(f" put to {uri}, fingerprint {mark}.")
    assert list(push([digits_spec, digits_spec], data_root, uri)) == [line.replace("put to", "is already in")]
    server.requests.clear()
    make_ready(digits_spec, tmp_path, uri)
    assert gets(server)
    assert digits_spec.load(tmp_path).fingerprint == mark
    server.requests.clear()
    make_ready(digits_spec, tmp_path, uri)
    check(digits_spec.folders(tmp_path), tmp_path, uri)
    assert server.requests == []


@pytest.mark.parametrize(
    "spec", [MultiMNIST(), NYUv2(), NYUv2(downscale=4), IMDBWiki(), UTKFace(n_images=(90, 10))], ids=repr
)
def test_every_data_set_can_be_fetched(spec, tmp_path):
    assert len(spec.folders(tmp_path)) == 1
    assert spec.folders(tmp_path)[0].is_relative_to(tmp_path)


def test_a_node_that_cannot_fetch_is_named_before_any_trial(uri, digits_spec, tmp_path):
    answer = inspect_node(
        str(tmp_path), "small", data=RemoteData(digits_spec.folders(tmp_path), tmp_path, f"{uri}-nowhere")
    )
    with pytest.raises(
        LaunchError, match=r"able to fetch the data\. Node 10\.0\.0\.1 says: Prepared data should lie in s3:"
    ):
        judge({"10.0.0.1": answer})


def test_a_sweep_on_a_machine_that_fetches_its_data(server, uri, cli, data_root, tmp_path):
    code, out, err = cli("data", "push", SMALL, "--to", uri, "--data", data_root)
    assert (code, f" put to {uri}, fingerprint " in out) == (0, True), out + err
    server.requests.clear()
    options = ("--in-process", "--yes", "--steps", 8, "--strategies", "dwa", "--seeds", "0:2", "--data-from", uri)
    code, out, err = cli("run", SMALL, *options, "--data", tmp_path / "node")
    assert code == 0, out + err
    assert f"from {uri}/prepared/" in out
    arrays = [name for name in gets(server) if name.endswith(".npy")]
    assert len(arrays) == len(set(arrays)) > 0, "each once, for all trials"


def test_a_uri_for_data_is_told_where_it_belongs(cli):
    for command in (("run", SMALL), ("data", "verify", "mnist5k")):
        code, _, err = cli(*command, "--data", "s3://bucket/data")
        assert code == 2
        assert err == (
            "Error: Option --data should name a folder. Found the URI `s3://bucket/data`. To fetch prepared data "
            "from a URI, once per machine, use `--data-from URI`; `mtlray data push SWEEP --to URI` puts it there.\n"
        )


@pytest.mark.usefixtures("unchecked")  # as for a user, whose values nobody checks for their type
@pytest.mark.parametrize(
    "array",
    ["../../../outside", "/tmp/outside", "a/b", "..", ".a", "", "a\\b", "a\nb", "a\0b", 7, None, ["a"]],
    ids=repr,
)
def test_no_name_in_a_record_leads_out_of_its_folder(shelf, tmp_path, array):
    """Neither where it is read from nor where it is written to."""
    for place in (shelf.parent / "outside.npy", tmp_path / "node" / "outside.npy"):
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, ARRAYS["a"] + 1)
    record = json.loads((shelf / NAME / "meta.json").read_text())
    unsealed = {name: record[name] for name in ("generation", "fingerprint", "stamps")}  # as earlier versions wrote it
    (shelf / NAME / "meta.json").write_text(json.dumps({**unsealed, "arrays": ["a", "b", array]}))
    before = sorted(tmp_path.rglob("*.npy"))
    with pytest.raises(DataError, match=r"it lists the array .*, which is no name in its folder"):
        Remote(str(shelf)).fetch(NAME, tmp_path / "node" / "prepared" / "mine")
    with pytest.raises(DataError, match="it lists the array"):
        prepared.load(shelf / NAME)
    assert sorted(tmp_path.rglob("*.npy")) == before


def test_a_data_set_writes_within_its_folder(tmp_path):
    with pytest.raises(ValueError, match="which is no name in its folder"):
        prepared.prepare(tmp_path / "mine", lambda: {"../outside": ARRAYS["a"]})
    assert not list(tmp_path.rglob("*.npy"))
