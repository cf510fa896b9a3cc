"""A published file, wherever a user has it, by its content; and what the data sets that are made of such files share."""

import abc
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from mtlray.data.base import DatasetSpec
from mtlray.data.files import prepared
from mtlray.data.files.download import RemoteFile
from mtlray.data.files.record import is_here
from mtlray.errors import DataError
from mtlray.reading.causes import Cause, ReadError, check_kind, guarded, kind_of
from mtlray.reading.tables import TABLE
from mtlray.tasks.task import checked_names


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """A file of a data set: its name without `.gz`, the sha256 of its content unpacked, and where it can be fetched."""

    name: str
    sha256: str
    remote: RemoteFile

    def read(self, path: Path) -> bytes:
        """The content of the file, which is `path` or lies in that folder, as it is or compressed by gzip.

        Raises ReadError where it is not there, damaged, or has another content than the published one.
        """
        found = self._in(path)
        shown, expected = f"`{found}`", f"the published {self.name}"
        with guarded(shown, expected):
            content = found.read_bytes()
        check_kind(content[:512], ("gzip",), shown, expected)
        if kind_of(content[:512]) == "gzip":
            with guarded(shown, expected), gzip.open(found) as opened:
                content = opened.read(TABLE)
        mark = hashlib.sha256(content).hexdigest()
        if mark != self.sha256:
            raise ReadError(
                shown,
                f"{expected} with sha256 {self.sha256} unpacked",
                f"another content, sha256 {mark}",
                Cause.UNKNOWN_KIND,
                f"Fetch it again from {self.remote.addresses[0]}.",
            )
        return content

    def _in(self, path: Path) -> Path:
        if not path.is_dir():
            return path
        for name in (self.name, f"{self.name}.gz"):
            if (path / name).is_file():
                return path / name
        raise ReadError(f"`{path}`", f"a folder with {self.name} or {self.name}.gz", "none in it", Cause.MISSING)


def store_once(folder: Path, arrays: Mapping[str, np.ndarray], about: dict[str, str]) -> str:
    """Store the arrays of an import; returns their fingerprint. Raises DataError where there are some already."""
    if is_here(folder):
        raise DataError(
            f"{folder.parent.name} should be imported once. Found it in {folder}. Remove that folder to import it again."
        )

    def write(writer: prepared.Writer) -> None:
        for name, array in arrays.items():
            writer.whole(name, array)
        writer.about |= about

    return prepared.prepare_rows(folder, write)


def folder_of(key: str, root: Path) -> Path:
    """Where the arrays of an imported file lie."""
    return root / key / "table"


@dataclass(frozen=True)
class PublishedTable(DatasetSpec):
    """A data set whose one file was imported; a subclass says what is in it, and `task_names` chooses from its tasks."""

    task_names: tuple[str, ...] = ()

    all_tasks: ClassVar[tuple[str, ...]]
    words: ClassVar[str]

    def _settle(self) -> None:
        names = checked_names(self.task_names, self.all_tasks, f"task of {type(self).__name__}")
        object.__setattr__(self, "task_names", names)

    def _details(self) -> list[str]:
        """What else the label says. Default: nothing."""
        return []

    @abc.abstractmethod
    def _about_size(self) -> str:
        """How large it is, in a few words."""

    @property
    def label(self) -> str:
        chosen = [] if self.task_names == self.all_tasks else self.task_names
        return "-".join([self.key, *chosen, *self._details()])

    @property
    def origin(self) -> str:
        return f"{self.words}, {self._about_size()}"

    def folders(self, root: Path) -> tuple[Path, ...]:
        return (folder_of(self.key, root),)

    def prepare(self, root: Path) -> str:
        return prepared.recorded_fingerprint(self._folder(root))

    def vocabulary(self, root: Path) -> tuple[str, ...]:
        """The tokens, of which the first has the number 2, below a data folder. Default: none, for inputs that are numbers."""
        del root
        return ()

    def _folder(self, root: Path) -> Path:
        folder = folder_of(self.key, root)
        if not is_here(folder):
            raise DataError(
                f"{type(self).__name__} should have been imported to {folder}. Found nothing there. Run "
                f"`mtlray data prepare {self.key}`, or `mtlray data import {self.key} PATH` without a network; "
                "`mtlray data list` says where to get it."
            )
        return folder
