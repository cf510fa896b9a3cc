"""The data verbs: what is verified is whole, and what is not there or damaged is an error."""

import pytest
from places import SMALL

from mtlray.data.catalog.pictures import specs_of
from mtlray.data.catalog.sources import describe_sources, prepare_source, verify_source
from mtlray.data.multi_mnist.official import MNIST
from mtlray.errors import DataError


def test_verify_of_mnist_that_is_not_there(tmp_path):
    with pytest.raises(DataError) as caught:
        verify_source("mnist", tmp_path)
    assert str(caught.value) == (
        f"The MNIST files should be in {MNIST.folder(tmp_path)}. Some are missing. "
        "Run `mtlray data prepare mnist`, or `mtlray data import mnist FOLDER`."
    )
    assert list(tmp_path.iterdir()) == [], "nothing is downloaded"


def test_what_is_listed_as_here_is_whole(mnist_files, tmp_path):
    assert "  here      no: mtlray data prepare mnist, or" in describe_sources(tmp_path)
    folder = MNIST.bring(mnist_files, tmp_path)
    assert "  here      yes, with the official checksums" in describe_sources(tmp_path)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(b"cut")
    assert "  here      yes, but damaged: `mtlray data verify mnist` says how" in describe_sources(tmp_path)


def test_how_to_get_each_source_is_listed(tmp_path):
    listed = describe_sources(tmp_path)
    for line in (
        "no: mtlray data prepare nyuv2 --form mtan, or mtlray data prepare nyuv2 --form mat, or mtlray data import nyuv2 PATH",
        "no: mtlray data prepare imdb_wiki, or mtlray data import imdb_wiki PATH",
        "no: mtlray data import utkface PATH",
    ):
        assert f"  here      {line}\n" in listed


def test_verify_names_what_was_prepared(tmp_path):
    assert verify_source("mnist5k", tmp_path) == "mnist5k: the source is intact"
    mark = prepare_source("mnist5k", tmp_path, None, print).split()[-1].rstrip(".")
    (folder,) = (path.parent for path in tmp_path.rglob("meta.json"))
    assert verify_source("mnist5k", tmp_path).splitlines()[1] == f"{folder.name}: fingerprint {mark}"


def test_a_torn_record_is_listed_and_does_not_verify(tmp_path):
    prepare_source("mnist5k", tmp_path, None, print)
    (record,) = tmp_path.rglob("meta.json")
    record.write_text("{")
    assert record.parent.name in describe_sources(tmp_path)
    with pytest.raises(DataError, match=f"The prepared data in {record.parent} is damaged: "):
        verify_source("mnist5k", tmp_path)


def tree(folder):
    return sorted((path, path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_what_only_looks_writes_nothing(cli, mnist_files, tmp_path):
    MNIST.bring(mnist_files, tmp_path / "data")
    before = tree(tmp_path)
    for command in (["list"], ["verify", "mnist"], ["verify", "mnist5k"], ["show", "nyuv2", "--out", "x.png"]):
        cli("data", *command)
    cli("plan", SMALL)
    assert tree(tmp_path) == before


def test_digits_are_shown_without_being_prepared(cli, tmp_path):
    assert cli("data", "show", "mnist5k", "--out", "x.png")[0] == 0
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    code, _, err = cli("data", "show", "mnist", "--out", "y.png")
    assert code == 2
    assert "Found it not there. Run `mtlray data prepare mnist`." in err
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"], "nothing is downloaded"


def test_damaged_imports_are_listed_and_others_passed_over(tmp_path):
    for name in ("32px", "notes"):
        (tmp_path / "utkface" / name).mkdir(parents=True)
        (tmp_path / "utkface" / name / "meta.json").write_text("{")
    assert "32px, damaged" in describe_sources(tmp_path)
    with pytest.raises(DataError, match=r"meta\.json does not hold what it should"):
        specs_of("utkface", tmp_path)
