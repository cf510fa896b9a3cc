"""Results on S3: a real server (moto's) on loopback, that can be told to refuse, to cut uploads short, and to count."""

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pyarrow as pa
import pytest
from places import SMALL
from s3_server import DENIED, EXPIRED

from mtlray.cli import main
from mtlray.errors import ResultsError, StoreError
from mtlray.results.ledger import Ledger
from mtlray.storage.object_store import open_uri
from mtlray.storage.store import Store

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("s3")]  # warnings of moto's imports


# -- the store


def test_files_come_and_go_as_on_a_disk(uri):
    store = Store(uri)
    store.write("a/b/one.txt", b"1")
    store.write("a/b/two.txt", b"")
    assert (store.read("a/b/one.txt"), store.read("a/b/two.txt")) == (b"1", b"")
    assert store.names("a/b") == ["one.txt", "two.txt"]
    assert store.sizes("a/b") == {"one.txt": 1, "two.txt": 0}
    store.write("a/b/one.txt", b"another")
    assert store.read("a/b/one.txt") == b"another"
    store.delete("a/b/one.txt")
    store.delete("a/b/one.txt")
    assert store.names("a/b") == ["two.txt"]
    assert store.names("a") == ["b"]
    assert not store.exists("a/b/one.txt")
    assert store.names("nowhere") == []
    with pytest.raises(FileNotFoundError):
        store.read("nowhere")


def test_a_folder_is_emptied(uri):
    store = Store(uri)
    for path in ("trials/x/a", "trials/x/b", "trials/y/a"):
        store.write(path, b"1")
    store.delete_folder("trials/x")
    store.delete_folder("trials/never")
    assert (store.names("trials/x"), store.names("trials/y")) == ([], ["a"])


def test_a_small_file_is_one_request(server, uri):
    store = Store(uri)
    server.requests.clear()
    store.write("shard.parquet", bytes(100_000))
    assert [method for method, _, _ in server.requests] == ["PUT"]


def test_writers_of_one_file_leave_one_of_their_files_whole(uri):
    texts = [bytes([65 + i]) * 200_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: Store(uri).write("same", text), texts))
    assert Store(uri).read("same") in texts


@pytest.mark.parametrize("size", [1_000, 25_000_000], ids=["one put", "in parts"])
def test_a_torn_upload_is_never_seen(server, uri, size):
    store = Store(uri)
    store.write("torn", b"old")
    server.cut, server.after = "torn", 0 if size < 5_000_000 else 1
    with pytest.raises(StoreError, match=r"The store did not answer\. Check the network, the endpoint"):
        store.write("torn", bytes(size))
    server.reset()
    assert store.read("torn") == b"old"


@pytest.mark.parametrize(
    ("refusal", "remedy"),
    [
        (EXPIRED, "The credentials have expired. Renew them for the driver and on every node"),
        (DENIED, "The credentials are missing, expired or not enough. For s3:// set AWS_ACCESS_KEY_ID"),
    ],
    ids=["expired", "denied"],
)
def test_a_refusal_names_its_remedy_whatever_is_asked(server, uri, refusal, remedy):
    store = Store(uri)
    store.write("file", b"1")
    server.refusal = refusal
    asked = {
        "write": lambda: store.write("file", b"2"),
        "names": lambda: store.names("folder"),
        "sizes": lambda: store.sizes("folder"),
    }
    for name, ask in asked.items():
        with pytest.raises(StoreError) as caught:
            ask()
        assert str(caught.value).startswith(f"Results should be written to {uri}. The store says: "), name
        assert remedy in str(caught.value), name
    with pytest.raises(StoreError, match="The credentials"):  # a HEAD has no text to say why
        store.read("file")


def test_no_bucket(server):
    with pytest.raises(StoreError, match=r"There is no such bucket\. Create it, or correct the URI\."):
        Store("s3://nowhere-at-all/results").write("file", b"")


# -- URIs


def test_folders_stand_behind_the_options_of_a_uri(server, uri):
    options = f"?endpoint_override=127.0.0.1:{server.port}&scheme=http&region=us-east-1"
    Store(f"{uri}{options}/sweep").write("file", b"1")
    assert Store(uri).read("sweep/file") == b"1"
    store = Ledger(f"{uri}{options}", "sweep").store
    assert store.read("file") == b"1"
    assert store.where("file") == f"{uri}/sweep/file"


def test_a_network_that_is_away_is_no_wrong_uri(monkeypatch):
    def from_uri(uri):
        raise OSError(
            "When resolving region for bucket 'bucket': AWS Error NETWORK_CONNECTION during HeadBucket operation"
        )

    monkeypatch.setattr(
        "mtlray.storage.object_store.fs", SimpleNamespace(FileSystem=SimpleNamespace(from_uri=from_uri))
    )
    with pytest.raises(
        StoreError, match=r"Results should be written to s3://bucket/results\. .* The store did not answer\. Check"
    ):
        open_uri("s3://bucket/results")


def test_credentials_of_a_uri_are_not_shown():
    _, path, shown = open_uri("s3://key:secret@bucket/results?region=us-east-1/sweep")
    assert (path, shown) == ("bucket/results/sweep", "s3://bucket/results/sweep")


def test_a_uri_without_a_bucket():
    with pytest.raises(ResultsError, match="`s3://` should name a bucket and a folder in it, as in s3://bucket/folder"):
        open_uri("s3://")


def test_an_option_that_nobody_knows():
    with pytest.raises(ResultsError, match="`s3://bucket/results` should be a folder or a URI that pyarrow knows"):
        open_uri("s3://bucket/results?colour=red")


# -- the ledger


def test_trouble_with_the_store_is_not_damage(server, uri):
    ledger = Ledger(uri, "small")
    ledger._summaries.write("t1.parquet", pa.table({"trial_id": ["t1"]}))
    assert ledger._summaries.merge().damaged == []
    server.refusal = EXPIRED
    with pytest.raises(StoreError, match="expired"):
        ledger._summaries.merge()


def test_a_shard_that_was_cut_by_other_means_is_damage(uri):
    ledger = Ledger(uri, "small")
    ledger._summaries.write("t1.parquet", pa.table({"trial_id": ["t1"]}))
    data = ledger.store.read("summary/t1.parquet")
    ledger.store.write("summary/t1.parquet", data[: len(data) // 2])
    assert ledger._summaries.merge().damaged == ["summary/t1.parquet"]


# -- whole sweeps


@pytest.fixture
def mtlray(capsys, monkeypatch, unchecked, tmp_path_factory):
    """A `mtlray` command in this process: exit code, stdout, stderr."""
    monkeypatch.setenv("MTLRAY_DATA", str(tmp_path_factory.getbasetemp() / "s3-data"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mtlray", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.mark.slow
def test_a_sweep_on_s3_and_its_requests(server, uri, mtlray, tmp_path):
    """The requests for each trial do not grow with the sweep, and the numbers are those of a sweep on a disk."""
    counts = []
    for n in (1, 2, 3):
        server.requests.clear()
        # The first is the sweep file's own, whose code is kept once.
        strategies = ",".join(("loss_share", "dwa", "uncertainty")[:n])
        options = ("--in-process", "--yes", "--steps", 8, "--strategies", strategies, "--seeds", "0:1")
        code, out, err = mtlray("run", SMALL, *options, "--results", f"{uri}-{n}")
        assert code == 0, out + err
        kinds = [
            (method, path.rpartition("/")[2].rpartition(".")[2])
            for method, path, _ in server.requests
            if not path.endswith("driver.json")  # the heartbeat goes by the clock
        ]
        counts.append(Counter(kinds))
    first, second, third = (sum(count.values()) for count in counts)
    assert third - second == second - first, counts
    assert second - first <= 60, counts
    code, out, _ = mtlray("run", SMALL, *options, "--results", f"{uri}-3")
    assert code == 0
    assert "All 3 trials are finished" in out
    mtlray("run", SMALL, *options, "--results", tmp_path)
    columns = ["trial_id", "task", "metric", "last", "best_val", "steps"]
    there, here = (Ledger(str(where), "small").summary()[0].select(columns) for where in (f"{uri}-3", tmp_path))
    assert there.sort_by([(c, "ascending") for c in columns[:3]]) == here.sort_by(
        [(c, "ascending") for c in columns[:3]]
    )


def test_expired_credentials_are_one_paragraph_before_any_trial(server, uri, mtlray):
    server.refusal = EXPIRED
    code, _, err = mtlray("run", SMALL, "--in-process", "--yes", "--results", uri)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert "The credentials have expired." in err
