"""The data verbs: what is verified is whole, and what is not there or damaged is an error."""

import pytest

from mtlray.data.digits import mnist_folder
from mtlray.data.sources import describe_sources, prepare_source, verify_source
from mtlray.errors import DataError


def test_verify_of_mnist_that_is_not_there(tmp_path):
    with pytest.raises(DataError) as caught:
        verify_source("mnist", tmp_path)
    assert str(caught.value) == (
        f"The MNIST files should be in {mnist_folder(tmp_path)}. Found not all of them. "
        "Run `mtlray data prepare mnist`, or `mtlray data import mnist FOLDER`."
    )
    assert list(tmp_path.iterdir()) == [], "nothing is downloaded"


def test_verify_names_what_was_prepared(tmp_path):
    assert verify_source("mnist5k", tmp_path) == "mnist5k: the source is whole"
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
