"""Files of tables: what pandas would take for something else, and what each damaged or unfit file is told."""

import gzip

import numpy as np
import pytest

from mtlray.data.arrays.files import read
from mtlray.errors import DataError

LINES = b"0.5,1\n2.5,0\n"


def test_the_names_of_a_csv_with_a_mark_of_its_order_are_as_written(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"\xef\xbb\xbfa,kind\n" + LINES)
    assert list(read(tmp_path / "table.csv")) == ["a", "kind"]


def test_quotes_and_a_short_last_line(tmp_path):
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(b'"a","kind, or so"\n"1.5","2"\n3\n'))
    found = read(tmp_path / "table.csv.gz")
    assert found["a"].tolist() == [1.5, 3]
    assert np.isnan(found["kind, or so"]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"a,a\n" + LINES, "Each column of table.csv should have a name of its own. Found `a` more than once"),
        (b"a\n" + LINES, "as many values as there are column names. Found 1 names and 2 values"),
        (b"a,kind\n1,2,3,4\n" + LINES, "as many values as there are column names|readable csv"),
        ("a,größe\n".encode("latin-1") + LINES, "should be a csv in UTF-8. .* the first at place 4"),
        ("a,b\n".encode("utf-16") + LINES, "should be a csv in UTF-8"),
        (b"", "should begin with a line of column names"),
        (b"a,kind\n" + LINES + b"1,2,3\n", "should be a readable csv file"),
    ],
)
def test_a_csv_that_is_no_table_is_refused(content, match, tmp_path):
    (tmp_path / "table.csv").write_bytes(content)
    with pytest.raises(DataError, match=match):
        read(tmp_path / "table.csv")


def test_an_archive_of_objects_is_refused(tmp_path):
    np.savez(tmp_path / "table.npz", a=np.array([1, None], dtype=object))
    with pytest.raises(DataError, match=r"should hold arrays of numbers or texts. Found one of Python objects"):
        read(tmp_path / "table.npz")


def test_one_array_alone_is_no_archive(tmp_path):
    with (tmp_path / "table.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="should be a readable npz file"):
        read(tmp_path / "table.npz")
