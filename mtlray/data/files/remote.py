"""Prepared arrays at a URI that all nodes reach: put there by one machine, fetched once by each, checked, whole or not at all."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pyarrow import fs

from mtlray.data.base import DatasetSpec
from mtlray.data.files import prepared
from mtlray.data.files.record import RECORD, Record, damaged, is_here, read_record, record_in
from mtlray.errors import DataError
from mtlray.reading.causes import ReadError
from mtlray.storage.beside import new_file
from mtlray.storage.object_store import explained, open_uri

_PIECE = 2**23  # bytes
_WISH = "Prepared data should lie in"


class Remote:
    """Folders of prepared arrays below a URI or a folder, under the names that they have below a data folder.

    Methods raise StoreError where the store refuses or does not answer.
    """

    def __init__(self, uri: str) -> None:
        """Raises ResultsError for a URI that pyarrow does not know, and StoreError."""
        if "://" in uri:
            self._fs, self._root, self.shown = open_uri(uri, _WISH, "list and read")
        else:
            self._fs, self._root = fs.LocalFileSystem(), str(Path(uri).expanduser().absolute())
            self.shown = self._root

    def fingerprint(self, name: str) -> str:
        """Of a folder's arrays. Raises DataError where there are none, and where their record does not open."""
        return self._record(name).fingerprint

    def fetch(self, name: str, folder: Path, say: Callable[[str], object] = lambda line: None) -> None:
        """Bring a folder's arrays to `folder`. Raises DataError where they are missing, damaged, or the disk is full.

        One process fetches while others wait; one that is killed leaves nothing half-made, and the next begins again.
        """
        where = f"{self.shown}/{name}"
        record = self._record(name)

        def write(writer: prepared.Writer) -> None:
            n_bytes = 0
            for array in record.arrays:
                size = self._size(f"{name}/{array}.npy")
                if size is None:
                    raise damaged(where, f"{array}.npy is missing", self._again())
                n_bytes += size
            writer.claim(name, n_bytes)
            say(f"Fetching {n_bytes / 1e6:,.1f} MB from {where} to {folder}")
            for array in record.arrays:
                writer.copied(array, self._pieces(f"{name}/{array}.npy"))
            writer.about.update(record.about)

        def check(found: str) -> None:
            if found != record.fingerprint:
                raise damaged(where, f"fingerprint {found} where {record.fingerprint} is on record", self._again())

        try:
            prepared.prepare_rows(folder, write, check)
        except ReadError as error:  # of an array that has arrived
            raise damaged(where, error, self._again()) from error

    def put(self, folder: Path, name: str) -> bool:
        """Copy a folder's arrays here, and its record last; False where they are here. Raises DataError where others are."""
        own = read_record(folder)
        text = self._text(name)
        here = own if text is None else record_in(text, f"{self.shown}/{name}", self._again())
        if here.fingerprint != own.fingerprint:
            raise DataError(
                f"{self.shown}/{name} holds other data: fingerprint {here.fingerprint}, where {folder} has {own.fingerprint}. "
                "Choose another place, or remove what is there if nothing is made with it."
            )
        if text is not None:
            return False
        prepared.load(folder, check=True)
        with self._explained("list, read and write"):
            self._fs.create_dir(f"{self._root}/{name}", recursive=True)
        for array in own.arrays:
            self._write(f"{name}/{array}.npy", _pieces_of(folder / f"{array}.npy"))
        self._write_record(name, own.text().encode())
        return True

    def _again(self) -> str:
        """The remedy for what is broken here."""
        return (
            f"Remove that folder there, and upload it again with `mtlray data push SWEEP --to {self.shown}` on a machine that "
            "has the data."
        )

    def _record(self, name: str) -> Record:
        text, where = self._text(name), f"{self.shown}/{name}"
        if text is None:
            raise DataError(
                f"Prepared data should lie in {where}. Found nothing there. Upload it with `mtlray data push SWEEP --to "
                f"{self.shown}` on a machine that has the data, or leave --data-from out."
            )
        return record_in(text, where, self._again())

    def _text(self, name: str) -> bytes | None:
        try:
            with self._explained(), self._fs.open_input_stream(f"{self._root}/{name}/{RECORD}") as stream:
                text: bytes = stream.read()
        except FileNotFoundError:
            return None
        return text

    def _size(self, path: str) -> int | None:
        with self._explained():
            info = self._fs.get_file_info(f"{self._root}/{path}")
        return int(info.size) if info.type == fs.FileType.File else None

    def _pieces(self, path: str) -> Iterator[bytes]:
        with self._explained():
            stream = self._fs.open_input_stream(f"{self._root}/{path}")
        with stream:
            while True:
                with self._explained():  # and not what the reader does with the piece
                    piece = stream.read(_PIECE)
                if not piece:
                    return
                yield piece

    def _write(self, path: str, pieces: Iterable[bytes]) -> None:
        with self._explained("list, read and write"), self._fs.open_output_stream(f"{self._root}/{path}") as stream:
            for piece in pieces:
                stream.write(piece)

    def _write_record(self, name: str, record: bytes) -> None:
        """The record whole or not at all: an object store shows a file once it is whole, a disk does not."""
        path = f"{name}/{RECORD}"
        if isinstance(self._fs, fs.LocalFileSystem):
            with self._explained("list, read and write"), new_file(Path(self._root) / path, durable=False) as temporary:
                temporary.write_bytes(record)
        else:
            self._write(path, [record])

    def _explained(self, rights: str = "list and read") -> contextlib.AbstractContextManager[None]:
        return explained(self.shown, _WISH, rights)


def make_ready(
    dataset: DatasetSpec, root: Path, uri: str | None, say: Callable[[str], object] = lambda line: None
) -> None:
    """Have a data set's arrays below `root`: what can be fetched comes from `uri`, if one is given; the rest is made here.

    Raises DataError, and StoreError where the store refuses.
    """
    if uri is not None and (missing := _missing(dataset.folders(root))):
        remote = Remote(uri)
        for folder in missing:
            remote.fetch(folder.relative_to(root).as_posix(), folder, say)
    dataset.prepare(root)


def check(folders: Iterable[Path], root: Path, uri: str) -> None:
    """Raise DataError or StoreError where a folder below `root` is not on this disk and cannot be fetched either."""
    if missing := _missing(folders):
        remote = Remote(uri)
        for folder in missing:
            remote.fingerprint(folder.relative_to(root).as_posix())


def _missing(folders: Iterable[Path]) -> list[Path]:
    return [folder for folder in folders if not is_here(folder)]


def push(datasets: Iterable[DatasetSpec], root: Path, uri: str) -> Iterator[str]:
    """Upload what nodes can fetch of data sets to a URI, preparing it if necessary; a line for each folder. Raises DataError."""
    remote = Remote(uri)
    done: set[Path] = set()
    for dataset in datasets:
        dataset.prepare(root)
        folders = dataset.folders(root)
        if not folders:
            yield f"{dataset.label}: nothing to upload; each node prepares it by itself."
        for folder in folders:
            if folder in done:
                continue
            done.add(folder)
            name = folder.relative_to(root).as_posix()
            how = "put to" if remote.put(folder, name) else "is already in"
            yield f"{name} {how} {remote.shown}, fingerprint {prepared.recorded_fingerprint(folder)}."


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
