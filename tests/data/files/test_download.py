"""Downloads from a server of our own: dead mirrors, broken connections, wrong contents, and what is said where nothing works."""

import dataclasses
import errno
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import pytest
from bad_disk import without_locks

from mtlray.data.catalog import sources
from mtlray.data.catalog.importable import IMPORTABLE
from mtlray.data.files import download
from mtlray.data.files.download import RemoteFile, fetch, unpack
from mtlray.errors import DataError

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()
DEAD = "http://127.0.0.1:9/file"


class Site:
    """What the server has: by path, a content, how many bytes of it a connection lives for, and headers of its own."""

    def __init__(self):
        self.files = {}
        self.requests = []

    def put(self, path, content=CONTENT, *, lives=None, ranges=True, **headers):
        self.files[path] = (content, lives, ranges, headers)
        return f"{self.address}{path}"


@pytest.fixture
def site():
    made = Site()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            made.requests.append((self.path, asked))
            if self.path not in made.files:
                return self.send_error(404)
            content, lives, ranges, headers = made.files[self.path]
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and ranges else 0
            self.send_response(206 if start else 200)
            for name, value in {"Content_Length": str(len(content) - start), **headers}.items():
                if value is not None:
                    self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content[start:][:lives])
            return None

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    made.address = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def file(*addresses, n_bytes=10_240, md5=MD5):
    return RemoteFile("file", addresses, n_bytes, md5)


def quiet(line):
    del line


def leftovers(folder):
    return [path for path in folder.iterdir() if path.suffix == ".part"]


def test_the_first_mirror_that_answers_is_taken(site, tmp_path):
    missing, good, unused = site.address + "/missing", site.put("/good"), site.put("/unused")
    said = []
    path = fetch(file(DEAD, missing, good, unused), tmp_path / "new", said.append)
    assert path.read_bytes() == CONTENT
    assert [asked for asked, _ in site.requests] == ["/missing", "/good"]
    assert said[1:4:2] == ["file: [Errno 111] Connection refused", "file: 404 Not Found"]
    assert fetch(file(DEAD), tmp_path / "new", quiet) == path, "what is there is not asked for again"


def test_a_connection_that_breaks_off_is_taken_up(site, tmp_path):
    address = site.put("/file", lives=4_000, ETag='"a"')
    assert fetch(file(address), tmp_path, quiet).read_bytes() == CONTENT
    assert [asked for _, asked in site.requests if asked] == ["bytes=4000-", "bytes=8000-"]
    assert not leftovers(tmp_path)


def test_an_earlier_command_s_bytes_are_taken_up(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_TRIES", 1)
    address = site.put("/file", lives=6_000)
    with pytest.raises(
        DataError, match=r"broke off after 6,000 of 10,240 bytes.* kept\. Run the same command again to continue"
    ):
        fetch(file(address), tmp_path, quiet)
    site.put("/file")
    assert fetch(file(address), tmp_path, quiet).read_bytes() == CONTENT
    assert site.requests[-1] == ("/file", "bytes=6000-")


def test_bytes_of_another_version_are_not_put_together(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_TRIES", 1)
    address = site.put("/file", bytes(len(CONTENT)), lives=6_000, ETag='"old"')
    with pytest.raises(DataError):
        fetch(file(address), tmp_path, quiet)
    site.put("/file", ETag='"new"')
    assert fetch(file(address, md5=None), tmp_path, quiet).read_bytes() == CONTENT
    assert not leftovers(tmp_path)


def test_a_server_that_sends_all_again(site, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_TRIES", 1)
    address = site.put("/file", lives=6_000)
    with pytest.raises(DataError):
        fetch(file(address), tmp_path, quiet)
    site.put("/file", ranges=False)
    assert fetch(file(address), tmp_path, quiet).read_bytes() == CONTENT


def test_a_server_that_sends_nothing_more_is_left(site, tmp_path):
    stuck, good = site.put("/stuck", lives=0), site.put("/good")
    assert fetch(file(stuck, good), tmp_path, quiet).read_bytes() == CONTENT
    assert [path for path, _ in site.requests] == ["/stuck", "/good"]


def test_contents_that_are_not_the_file(site, tmp_path):
    page = site.put("/page", b"<html>", Content_Type="text/html; charset=utf-8")
    short = site.put("/short", CONTENT[:-1])
    unsized = site.put("/unsized", CONTENT[:-1], Content_Length=None)
    changed = site.put("/changed", CONTENT[:-1] + b"x")
    with pytest.raises(DataError) as caught:
        fetch(file(page, short, unsized, changed), tmp_path, quiet)
    wrong = hashlib.md5(CONTENT[:-1] + b"x").hexdigest()
    assert str(caught.value) == (
        "`file` should come from one of its addresses. "
        f"Found: {page}: a web page, not the file; {short}: a file of 10,239 bytes, where 10,240 are expected; "
        f"{unsized}: broke off after 10,239 of 10,240 bytes; {changed}: another content, md5 {wrong} where {MD5} is expected. "
        "Try again later, or fetch it by hand. What has arrived is kept. Run the same command again to continue from there."
    )
    assert not (tmp_path / "file").exists()


def test_no_size_and_no_checksum(site, tmp_path):
    whole = site.put("/whole", Content_Length=None)
    broken = site.put("/broken", b"1000\r\nabc", Content_Length=None, Transfer_Encoding="chunked")
    assert fetch(file(broken, whole, n_bytes=None, md5=None), tmp_path, quiet).read_bytes() == CONTENT


def test_no_space_on_the_disk(site, tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 10})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        DataError, match=f"should be written to {tmp_path}. Found: 10,240 bytes are still to come, 10 are free"
    ):
        fetch(file(site.put("/file")), tmp_path, quiet)
    assert not (tmp_path / "file").exists()


def tarred(names):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            tar.addfile(entry, io.BytesIO(b"abc"))
    return buffer.getvalue()


def test_without_locks_a_file_is_fetched_and_unpacked(site, tmp_path, monkeypatch):
    without_locks(monkeypatch, errno.ENOLCK)
    (tmp_path / ".file.0.part").write_bytes(b"another process is at it")
    assert fetch(file(site.put("/file", lives=4_000)), tmp_path, quiet).read_bytes() == CONTENT
    theirs = tmp_path / ".a.12345678.tmp"
    theirs.mkdir()
    (tmp_path / "a.tar").write_bytes(tarred(["in/x"]))
    assert (unpack(tmp_path / "a.tar", tmp_path / "a") / "in" / "x").read_bytes() == b"abc"
    assert theirs.is_dir(), "what another process is unpacking"


def test_without_locks_two_never_write_to_one_file(site, tmp_path, monkeypatch):
    without_locks(monkeypatch, errno.ENOLCK)
    parts = set()
    real = download._append

    def append(response, part, total, say):
        parts.add(part)
        real(response, part, total, say)

    monkeypatch.setattr(download, "_append", append)
    address = site.put("/file")
    for _ in range(2):
        fetch(file(address), tmp_path, quiet).unlink()
    assert len(parts) == 2


def test_archives_unpack_whole_or_not_at_all(tmp_path):
    (tmp_path / "a.tar").write_bytes(tarred(["in/x", "in/y"]))
    assert (unpack(tmp_path / "a.tar", tmp_path / "a") / "in" / "x").read_bytes() == b"abc"
    assert not (tmp_path / "a.tar").exists()
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as packed:
        packed.writestr("train/0", b"abc")
    assert (unpack(tmp_path / "b.zip", tmp_path / "b") / "train" / "0").read_bytes() == b"abc"
    for name, content, found in (
        ("cut.tar", tarred(["in/x"])[:514], "`in/x` in .*cut.tar` should be a whole file. Found: it is damaged"),
        ("out.tar", tarred(["../x"]), r"Found: `../x`, which leads outside or is a link\."),
        ("c.zip", b"no", "c.zip` should be a whole tar file. Found: it is damaged"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            DataError, match=rf"{found}.* Nothing was unpacked. Remove {tmp_path / name} to have it fetched"
        ):
            unpack(tmp_path / name, tmp_path / "d")
    (tmp_path / "large.tar").write_bytes(tarred(["x", "y"]))
    with pytest.raises(
        DataError, match=r"should be of at most 5 bytes unpacked\. Found: 6 bytes\. Nothing was unpacked"
    ):
        unpack(tmp_path / "large.tar", tmp_path / "d", limit=5)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["a", "b"]


@pytest.fixture
def imported(monkeypatch):
    """NYUv2 and IMDB-WIKI with addresses of a test, and imports that say what they were given."""

    def use(name, **remote):
        def run(path, root, options):
            return f"imported {sorted(p.name for p in path.iterdir() if p.name[0] != '.')}"

        replaced = dataclasses.replace(IMPORTABLE[name], remote=remote, run=run)
        monkeypatch.setattr(sources, "IMPORTABLE", {**IMPORTABLE, name: replaced})

    return use


def test_prepare_fetches_the_files_of_a_form_and_imports_them(site, imported, tmp_path):
    one = RemoteFile("splits.mat", (site.put("/one", b"123"),), 3)
    two = RemoteFile("labeled.mat", (DEAD, site.put("/two")), len(CONTENT), MD5)
    imported("nyuv2", mtan=(one,), mat=(one, two))
    said = []
    text = sources.prepare_source("nyuv2", tmp_path, "mat", said.append)
    folder = tmp_path / "downloads" / "nyuv2" / "mat"
    assert text.splitlines() == [
        "imported ['labeled.mat', 'splits.mat']",
        f"The download is in {folder}. Sweeps no longer need it.",
    ]
    assert "no licence text" in said[0], "the terms come first"


def test_prepare_unpacks_an_archive(site, imported, tmp_path):
    imported("imdb_wiki", imdb_crop=(RemoteFile("imdb_crop.tar", (site.put("/t", tarred(["imdb_crop/imdb.mat"])),)),))
    assert "imported ['imdb.mat']" in sources.prepare_source("imdb_wiki", tmp_path, None, quiet)
    site.files.clear()
    assert "imported ['imdb.mat']" in sources.prepare_source("imdb_wiki", tmp_path, None, quiet), "and not once more"


def test_prepare_where_nothing_can_be_had_says_how_to_bring_it(imported, tmp_path, site):
    missing = site.address + "/missing"
    imported("nyuv2", mtan=(RemoteFile("mtan.zip", (DEAD, missing)),))
    with pytest.raises(DataError) as caught:
        sources.prepare_source("nyuv2", tmp_path, None, quiet)
    lines = str(caught.value).splitlines()
    assert lines[0] == (
        f"`mtan.zip` should come from one of its addresses. Found: {DEAD}: [Errno 111] Connection refused; {missing}: 404 Not "
        "Found. Try again later, or fetch it by hand."
    )
    assert lines[1].startswith("To bring nyuv2 yourself. Terms: given out by its authors for research")
    assert any("academictorrents.com" in line for line in lines)
    assert lines[-1] == (
        "Then run `mtlray data import nyuv2 PATH`, where PATH is mtan's folder with train and val in it; the official .mat file; "
        "a zip of 288x384 pictures."
    )


def test_every_official_file_has_a_checksum():
    assert all(file.md5 and file.n_bytes for file in IMPORTABLE["nyuv2"].remote["mat"])
