"""Each cause has a remedy of its own, and trouble with the disk is told from damage."""

import errno
import pickle

import pytest

from mtlray.errors import DataError, SpecError, StoreError
from mtlray.reading.causes import Cause, DiskError, ReadError, check_kind, guarded, nothing_imported


def found_for(error):
    with pytest.raises(ReadError) as caught, guarded("`x`", "whole"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("error", "cause", "message"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), Cause.MISSING, "Found: nothing there. Fetch or unpack the data again."),
        (PermissionError(errno.EACCES, "Permission denied"), Cause.UNREADABLE, "Ask its owner for the right to read it"),
        (OSError(errno.ESTALE, "Stale file handle"), Cause.UNREADABLE, "(Stale file handle). Check the disk"),
        (OSError(errno.EIO, "Input/output error"), Cause.UNREADABLE, "Check the disk or the network share"),
        (OSError(errno.EINVAL, "Invalid argument"), Cause.DAMAGED, "Found: it is damaged ([Errno 22] Invalid argument)"),
        (OSError("image file is truncated"), Cause.DAMAGED, "Found: it is damaged (image file is truncated). Fetch it again."),
        (ZeroDivisionError("integer division"), Cause.DAMAGED, "it is damaged (integer division)"),
        (RecursionError(), Cause.DAMAGED, "it is damaged (RecursionError)"),
        (MemoryError(), Cause.DAMAGED, "it is damaged (it asks for more memory than there is)"),
        (NotImplementedError("method 9"), Cause.UNKNOWN_KIND, "of a kind that cannot be read (method 9). Convert it"),
    ],
)  # fmt: skip
def test_what_a_reader_raises_has_a_cause_and_its_remedy(error, cause, message):
    found = found_for(error)
    assert found.cause is cause
    assert str(found).startswith("`x` should be whole. Found: ")
    assert message in str(found)


def test_trouble_with_the_disk_is_the_store_s_and_damage_is_not():
    for number in (errno.EIO, errno.EACCES, errno.EPERM, errno.ESTALE):
        error = found_for(OSError(number, "no"))
        assert isinstance(error, StoreError)
        assert isinstance(error, OSError)
    assert not isinstance(found_for(OSError("cut")), OSError)


def test_an_error_of_our_own_passes():
    with pytest.raises(SpecError), guarded("`x`", "whole"):
        raise SpecError("said already")
    with pytest.raises(KeyboardInterrupt), guarded("`x`", "whole"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [ReadError, DiskError])
def test_errors_survive_a_pickle(kind):
    error = kind("`x`", "whole", "half of it", Cause.UNREADABLE, None, "Nothing was done.")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.cause) == (kind, str(error), Cause.UNREADABLE)
    assert "Found: half of it. Nothing was done. Check the disk" in str(again)


def test_what_was_not_done_stands_before_the_remedy():
    with pytest.raises(DataError, match=r"Found: nothing there\. Nothing was imported\. Fetch or unpack") as caught, \
         nothing_imported():  # fmt: skip
        raise ReadError("`x`", "whole", "nothing there", Cause.MISSING)
    assert caught.value.cause is Cause.MISSING


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"", r"it is damaged \(no bytes\)"),
        (b"\n<!DOCTYPE html><html>", "it is a web page. Fetch the file itself"),
        (b"7z\xbc\xaf\x27\x1c", "it is of another kind: 7z. Convert it"),
        (b"version https://git-lfs.github.com/spec/v1", "pointer of Git LFS"),
        (b"\0" * 257 + b"ustar", "another kind: tar"),
    ],
)
def test_a_file_of_another_kind_is_named(head, message):
    with pytest.raises(ReadError, match=message):
        check_kind(head, ("zip",), "`x`", "a zip file")


def test_the_right_kind_and_an_unknown_beginning_pass():
    check_kind(b"PK\3\4", ("zip",), "`x`", "a zip file")
    check_kind(b"PX\3\4", ("zip",), "`x`", "a zip file")
