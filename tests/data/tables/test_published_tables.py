"""A published file is taken by its content, packed or not, and nothing else is."""

import gzip
import hashlib

import pytest

from mtlray.data import Tox21, Yeast
from mtlray.data.catalog.importable import ImportOptions
from mtlray.data.catalog.sources import import_source, prepare_source
from mtlray.data.files.download import RemoteFile
from mtlray.data.tables.published import PublishedFile
from mtlray.errors import DataError, SpecError

TEXT = b"a,b\n1,2\n"
FILE = PublishedFile(
    name="t.csv",
    sha256=hashlib.sha256(TEXT).hexdigest(),
    remote=RemoteFile("t.csv.gz", ("https://example.org/t.csv.gz",)),
)


def test_the_file_and_its_folder_packed_or_not(tmp_path):
    for name, content in (("t.csv", TEXT), ("t.csv.gz", gzip.compress(TEXT)), ("other", gzip.compress(TEXT, 1))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(content)
        assert FILE.read(folder / name) == TEXT
        if name != "other":
            assert FILE.read(folder) == TEXT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            TEXT + b"3,4\n",
            r"published t.csv with sha256 \w{64} unpacked. Found: another content, sha256 \w{64}. .*example",
        ),
        (gzip.compress(TEXT)[:-6], r"it is damaged"),
        (b"<!doctype html>", "it is a web page"),
        (b"PK\3\4", "of another kind: zip"),
        (b"", "no bytes"),
    ],
    ids=["changed", "truncated", "page", "zip", "empty"],
)
def test_another_content_is_refused(tmp_path, content, message):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        FILE.read(tmp_path / "t.csv")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"should be a folder with t.csv or t.csv.gz. Found: none in it"):
        FILE.read(tmp_path)
    with pytest.raises(DataError, match="nothing there"):
        FILE.read(tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["yeast", "tox21", "clinc150"])
def test_a_changed_file_leaves_nothing(name, tmp_path):
    brought, root = tmp_path / "brought", tmp_path / "root"
    brought.mkdir()
    for file in ("yeast.csv", "tox21.csv", "data_full.json", "domains.json"):
        (brought / file).write_text("a,b\n")
    with pytest.raises(DataError, match=r"another content.*Nothing was imported\. Fetch it again from https"):
        import_source(name, brought, root, ImportOptions())
    assert not root.exists()
    with pytest.raises(SpecError, match=f"import {name}` has no use for --size"):
        import_source(name, brought, root, ImportOptions(size=32))


def test_what_is_fetched_is_imported_as_it_is(published, tmp_path):
    fetched = tmp_path / "downloads" / "yeast" / "csv"
    fetched.mkdir(parents=True)
    (fetched / "yeast.csv.gz").write_bytes((published("yeast") / "yeast.csv.gz").read_bytes())
    assert "1,500 genes for training" in prepare_source("yeast", tmp_path, None, lambda line: None)
    assert "yeast is imported" in prepare_source("yeast", tmp_path, None, lambda line: None)
    with pytest.raises(
        DataError, match=r"yeast should be imported once. Found it in .*yeast/table. Remove that folder"
    ):
        import_source("yeast", fetched, tmp_path, ImportOptions())


def test_missing_data_names_the_command(tmp_path):
    with pytest.raises(DataError, match=r"Run `mtlray data prepare yeast`, or `mtlray data import yeast PATH`"):
        Yeast().prepare(tmp_path)


def test_labels_say_what_differs():
    assert (Yeast().label, Tox21().label) == ("yeast", "tox21")
    assert Yeast(("Class2",), 300, 1).label == "yeast-Class2-val300-data1"
    assert Tox21(("NR-AR",), 40, 800, 2).label == "tox21-NR-AR-length40-val800-data2"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Yeast(val_genes=1500), "be from 0 to 1499"),
        (lambda: Yeast(task_names=("Class15",)), "There is no task of Yeast `Class15`"),
        (lambda: Tox21(max_length=0), "be from 1 to 342"),
        (lambda: Tox21(val_molecules=-1), "be from 0 to 6410"),
    ],
)
def test_slips_are_refused(make, message):
    with pytest.raises(SpecError, match=message):
        make()
