"""Names: side files are told from data, and endings do not care for case."""

import pytest

from mtlray.storage.names import has_ending, is_side_file


@pytest.mark.parametrize(
    "path", ["._0.npy", "train/image/._0.npy", "__MACOSX/train/0.npy", ".DS_Store", "a/Thumbs.db", "desktop.ini"]
)
def test_side_files(path):
    assert is_side_file(path)


@pytest.mark.parametrize("path", ["0.npy", "train/image/0.npy", "_0.npy", ".hidden/0.npy", "macosx/0.npy"])
def test_data(path):
    assert not is_side_file(path)


def test_endings_do_not_care_for_case():
    assert has_ending("a/b.JPG", ".jpg", ".jpeg")
    assert has_ending("b.Jpeg", ".jpg", ".jpeg")
    assert not has_ending("b.jpg.txt", ".jpg")
