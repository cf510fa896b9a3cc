"""Archives: what is locked, packed in an unknown way, damaged, too large or leads outside is refused as what it is."""

import gzip
import io
import struct
import tarfile
import zipfile

import pytest
from flips import flips

from mtlray.reading.archives import ZipMembers, members
from mtlray.reading.causes import Cause, ReadError

CONTENT = {f"folder/{i}": bytes(range(256)) * 4 for i in range(3)}
LARGE = 2**20


def zipped(path, content=CONTENT, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def tarred(path, content=CONTENT, mode="w:gz", **changes):
    with tarfile.open(path, mode) as tar:
        for name, data in content.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            for field, value in changes.items():
                setattr(entry, field, value)
            tar.addfile(entry, io.BytesIO(data))
    return path


def patched(path, local, central, value):
    """The same zip with a field of each member changed, at these places of its two headers."""
    content = bytearray(path.read_bytes())
    for sign, at in ((b"PK\3\4", local), (b"PK\1\2", central)):
        place = -1
        while (place := content.find(sign, place + 1)) >= 0:
            struct.pack_into("<H", content, place + at, value)
    path.write_bytes(content)
    return path


def all_of(path, limit=LARGE):
    return {name: b"".join(pieces) for name, _, pieces in members(path, limit)}


def refusal(path, limit=LARGE):
    with pytest.raises(ReadError) as caught:
        all_of(path, limit)
    return caught.value


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_file_is_read_whole(tmp_path, method):
    assert all_of(zipped(tmp_path / "a.ZIP", method=method)) == CONTENT


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_file_is_read_whole_whatever_it_is_called(tmp_path, mode):
    assert all_of(tarred(tmp_path / "a", mode=mode)) == CONTENT


def test_many_members_are_counted(tmp_path):
    """More than fit into the two bytes of the count."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for i in range(2**16 + 5):
            archive.writestr(zipfile.ZipInfo(f"{i}"), b"")
    with ZipMembers(tmp_path / "a.zip") as members_of:
        assert len(members_of.names) == 2**16 + 5


def test_a_member_that_is_in_it_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x", b"2")
    assert "`x` is in it twice" in str(refusal(tmp_path / "a.zip"))


def test_names_with_backslashes_are_paths(tmp_path):
    with ZipMembers(zipped(tmp_path / "a.zip", {"train\\image\\0.jpg": b"x"})) as archive:
        assert archive.names == ["train/image/0.jpg"]
        assert archive.read("train/image/0.jpg") == b"x"


@pytest.mark.parametrize(
    ("fields", "cause", "message"),
    [
        ((6, 8, 0x1), Cause.LOCKED, "it is locked with a password. Unpack it with its password"),
        ((6, 8, 0x41), Cause.LOCKED, "it is locked with a password"),
        ((8, 10, 99), Cause.LOCKED, "it is locked with a password"),
        (
            (8, 10, 9),
            Cause.UNKNOWN_KIND,
            "compressed by Deflate64, which Python does not read. Unpack the archive with another",
        ),
        ((8, 10, 1), Cause.UNKNOWN_KIND, "compressed by method 1,"),
        ((6, 8, 0x20), Cause.UNKNOWN_KIND, "of a kind that cannot be read (compressed patched data"),
    ],
)
def test_locked_and_unknown_members_have_their_own_remedies(tmp_path, fields, cause, message):
    found = refusal(patched(zipped(tmp_path / "a.zip"), *fields))
    assert found.cause is cause
    assert f"`folder/0` in `{tmp_path / 'a.zip'}`" in str(found)
    assert message in str(found)


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "C:\\x", "C:/x", "..\\x"])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_members_that_lead_outside_are_refused(tmp_path, name, make):
    found = refusal(make(tmp_path / "a", {"0": b"x", name: b"x"}))
    assert found.cause is Cause.HOSTILE
    assert f"`{name}`, which leads outside or is a link. Do not unpack it." in str(found)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    assert refusal(tarred(tmp_path / "a.tar", {"0": b""}, "w", type=kind, linkname="x")).cause is Cause.HOSTILE
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert refusal(tmp_path / "a.zip").cause is Cause.HOSTILE


def test_what_is_larger_than_it_may_be_is_refused_before_it_is_unpacked(tmp_path):
    for make in (zipped, tarred):
        assert "should be of at most 1,000 bytes unpacked" in str(refusal(make(tmp_path / "a"), limit=1000))
    # A member of 10 bytes that says it has 2**60: nothing asks for that memory.
    entry = tarfile.TarInfo("x")
    entry.size = 2**60
    (tmp_path / "b").write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    assert refusal(tmp_path / "b").cause is Cause.HOSTILE
    entry.type = tarfile.XHDTYPE
    (tmp_path / "c").write_bytes(gzip.compress(entry.tobuf(tarfile.GNU_FORMAT) + bytes(2**26)))
    assert "a header of" in str(refusal(tmp_path / "c"))


def test_a_tar_file_whose_last_headers_are_damaged_or_cut_is_not_taken_for_a_shorter_one(tmp_path):
    content = tarred(tmp_path / "a", mode="w").read_bytes()
    changed = bytearray(content)
    changed[1536 + 150] ^= 1  # the checksum of the second header
    for damaged in (changed, content[:1536], content[:3072]):
        (tmp_path / "a").write_bytes(damaged)
        assert "it ends without its closing blocks" in str(refusal(tmp_path / "a"))


@pytest.mark.parametrize("n", [50, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("make", [zipped, tarred])
def test_a_flipped_bit_is_told_or_changes_no_content(tmp_path, make, n):
    whole = make(tmp_path / "whole").read_bytes()
    path, refused = tmp_path / "a", 0
    for content in flips(whole, n):
        path.write_bytes(content)
        try:
            found = all_of(path)
        except ReadError:
            refused += 1
        else:
            assert list(found.values()) == list(CONTENT.values())
    assert refused > n / 4


def test_an_empty_file_a_cut_one_and_one_of_another_kind(tmp_path):
    path = zipped(tmp_path / "a.zip")
    for content, message in (
        (b"", r"no bytes"),
        (path.read_bytes()[:400], "is damaged"),
        (b"Rar!\x1a\x07\1\0", "another kind: RAR"),
        (b"<html>", "a web page"),
    ):
        path.write_bytes(content)
        assert message in str(refusal(path))
