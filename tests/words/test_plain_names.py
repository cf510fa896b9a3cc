"""What is a name in a folder."""

import pytest

from mtlray.words.names import is_plain


@pytest.mark.parametrize("name", ["a", "multi_mnist-left-right", "two words (3)", "é.1", "a..b"])
def test_a_name_in_a_folder(name):
    assert is_plain(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "/a", "a\\b", "a\nb", "a\0", "\x85", 3, None, b"a"])
def test_no_name_in_a_folder(name):
    assert not is_plain(name)
