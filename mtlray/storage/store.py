"""Store: a folder of files on a local disk or on any `pyarrow.fs` URI (s3://, gs://), with whole-file atomic writes.

A reader never sees half a file: locally a file is written under a temporary name, flushed, fsynced and renamed; on an object
store one put makes it visible.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from pyarrow import fs

from mtlray.errors import ResultsError
from mtlray.storage.beside import TEMPORARY, new_file
from mtlray.storage.failpoints import failpoint
from mtlray.storage.object_store import explained, open_uri
from mtlray.storage.patience import patiently


class Store:
    """Files below one root, addressed by relative paths with forward slashes.

    `guard` is called before anything changes, and where it raises nothing does.
    """

    def __init__(self, root: str | Path) -> None:
        """Raises ResultsError where the root is not a path or a URI that pyarrow knows.

        All other methods raise StoreError, which is an OSError, where an object store refuses or does not answer, and where a
        disk does not let itself be read; it says nothing about a file. They raise ResultsError for a path that leads out of the
        root.
        """
        self.guard: Callable[[], None] | None = None
        self.uri = str(root)
        if "\0" in self.uri:
            raise ResultsError(f"Results should lie in a folder. Found {self.uri!r}, which is the name of none.")
        if "://" not in self.uri or self.uri.startswith("file://"):
            self.local: Path | None = Path(self.uri.removeprefix("file://")).expanduser().absolute()
            self._fs: fs.FileSystem = fs.LocalFileSystem()
            self._root = str(self.local)
            return
        self.local = None
        self._fs, self._root, self.uri = open_uri(self.uri)

    def _within(self, path: str) -> str:
        """The path as it is. Raises ResultsError where it leads out of the root: names come out of files that others wrote."""
        if path.startswith("/") or "\0" in path or ".." in path.split("/"):
            raise ResultsError(
                f"Names in {self.uri} should be those of files and folders in it. Found {path!r}, which leads outside. Do not "
                "use these results; somebody may have changed them."
            )
        return path

    def write(self, path: str, data: bytes, *, durable: bool = True) -> None:
        """Write a whole file; on return it is there, complete, under its name, and if `durable` after a power cut too.

        Raises OSError, and what `guard` raises.
        """
        self._ask_guard()
        failpoint("write-begun")
        if self.local is None:
            with explained(self.uri), self._fs.open_output_stream(self._remote(path)) as stream:
                stream.write(data)
            failpoint("write-done")
            return
        target = self.local / self._within(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with new_file(target, durable=durable, approve=self._ask_guard) as temporary, temporary.open("wb") as file:
            half = len(data) // 2
            file.write(data[:half])
            failpoint("write-half")
            file.write(data[half:])
        failpoint("write-done")

    def read(self, path: str) -> bytes:
        """The whole file. Raises FileNotFoundError."""
        if self.local is not None:
            return patiently(self.where(path), (self.local / self._within(path)).read_bytes)
        with explained(self.uri), self._fs.open_input_stream(self._remote(path)) as stream:
            data: bytes = stream.read()
        return data

    def end(self, path: str, n_bytes: int) -> bytes:
        """The last bytes of a file, fewer where it is shorter. Raises FileNotFoundError."""
        if self.local is None:
            return self.read(path)[-n_bytes:]
        file = self.local / path

        def read() -> bytes:
            with file.open("rb", buffering=0) as opened:
                opened.seek(max(0, opened.seek(0, os.SEEK_END) - n_bytes))
                return opened.read(n_bytes)

        return patiently(self.where(path), read)

    def names(self, folder: str) -> list[str]:
        """The names of the entries of a folder, sorted; empty where there is no such folder."""
        if self.local is not None:
            try:
                place = self.local / self._within(folder)
                listed = patiently(self.where(folder), lambda: list(place.iterdir()))
                entries = [path.name for path in listed]
            except (FileNotFoundError, NotADirectoryError):
                return []
        else:
            entries = [info.base_name for info in self._listed(folder)]
        return sorted(name for name in entries if not name.endswith(TEMPORARY))

    def sizes(self, folder: str) -> dict[str, int]:
        """The size in bytes of each file of a folder, from its listing; empty where there is no such folder."""
        return {name: size for name, (size, _) in self.stamps(folder).items()}

    def stamps(self, folder: str) -> dict[str, tuple[int, int]]:
        """The size in bytes of each file of a folder, and when it was last written, in nanoseconds, from its listing."""
        if self.local is not None:
            place = self.local / self._within(folder)
            try:
                found = patiently(self.where(folder), lambda: _stamps_in(str(place)))
            except (FileNotFoundError, NotADirectoryError):
                return {}
        else:
            files = (info for info in self._listed(folder) if info.type == fs.FileType.File)
            found = {info.base_name: (info.size, info.mtime_ns or 0) for info in files}
        return {name: stamp for name, stamp in found.items() if not name.endswith(TEMPORARY)}

    def exists(self, path: str) -> bool:
        """Whether a file or a folder is there."""
        if self.local is not None:
            place = self.local / self._within(path)
            try:
                patiently(self.where(path), place.stat)  # Path.exists takes some errors for an answer
            except (FileNotFoundError, NotADirectoryError):
                return False
            return True
        with explained(self.uri):
            return bool(self._fs.get_file_info(self._remote(path)).type != fs.FileType.NotFound)

    def delete(self, path: str) -> None:
        """Remove a file; nothing happens where there is none. Raises what `guard` raises."""
        self._ask_guard()
        failpoint("delete-begun")
        if self.local is not None:
            (self.local / self._within(path)).unlink(missing_ok=True)
        else:
            with explained(self.uri), contextlib.suppress(FileNotFoundError):
                self._fs.delete_file(self._remote(path))
        failpoint("delete-done")

    def delete_folder(self, path: str) -> None:
        """Remove a folder of files and what killed writes left in it; nothing happens where there is none.

        Raises what `guard` raises.
        """
        for name in self.names(path):
            self.delete(f"{path}/{name}")
        if self.local is not None:
            self._ask_guard()
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(self.local / self._within(path))

    def _remote(self, path: str) -> str:
        return f"{self._root}/{self._within(path)}"

    def _ask_guard(self) -> None:
        if self.guard is not None:
            self.guard()

    def _listed(self, folder: str) -> list[fs.FileInfo]:
        """The entries of a folder of an object store; one request for each thousand."""
        with explained(self.uri):
            found: list[fs.FileInfo] = self._fs.get_file_info(
                fs.FileSelector(self._remote(folder), allow_not_found=True)
            )
        return found

    def where(self, path: str) -> str:
        """The full path or URI of a file, for messages."""
        return f"{self._root if self.local is not None else self.uri}/{path}"


def _stamps_in(folder: str) -> dict[str, tuple[int, int]]:
    """Raises OSError."""
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                if entry.is_file():
                    stat = entry.stat()
                    found[entry.name] = stat.st_size, stat.st_mtime_ns
    return found
