"""Collections of pictures in MNIST's four official files: fetched, imported, checked and read."""

import gzip
import hashlib
import shutil
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mtlray.data.files.download import RemoteFile, fetch
from mtlray.errors import DataError
from mtlray.reading.causes import guarded
from mtlray.storage.beside import new_file


@dataclass(frozen=True, kw_only=True)
class OfficialFiles:
    """The four files of a collection, in torchvision's folder below the data folder.

    `md5` are those of the official files, in the order train images, train labels, test images, test labels. `content_md5` are
    those of what is in them, where copies that were compressed anew are about. `otherwise` is what to do without any of them.
    """

    title: str
    source: str
    md5: Mapping[str, str]
    content_md5: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""

    @property
    def _class(self) -> str:
        """The name of its class in torchvision, and of its folder there."""
        return self.title.replace("-", "")

    def folder(self, root: Path) -> Path:
        """Where the four files lie: where torchvision has them, too."""
        return root / self._class / "raw"

    def are_here(self, root: Path) -> bool:
        return all((self.folder(root) / name).is_file() for name in self.md5)

    def check(self, folder: Path) -> None:
        """Raise DataError for a damaged file, by name; one that is not there is none."""
        for name in self.md5:
            if (folder / name).is_file():
                self._compared(folder / name)

    def read(self, root: Path) -> list[np.ndarray]:
        """The four arrays, downloaded from torchvision's mirrors if they are not below `root`. Raises DataError."""
        import torchvision

        folder = self.folder(root)
        self.check(folder)
        try:
            for name, md5 in self.md5.items():
                mirrors = getattr(torchvision.datasets, self._class).mirrors
                addresses = tuple(f"{mirror}{name}" for mirror in mirrors)
                fetch(RemoteFile(name, addresses, md5=md5), folder, lambda line: None)
        except DataError as error:
            found = " ".join(str(error).split()).rstrip(".")
            raise DataError(
                f"The {self.title} files should be in {folder} or come from torchvision's mirrors. Found: {found}. "
                f"Without a network, fetch the four .gz files elsewhere and run `mtlray data import {self.source} FOLDER`"
                f"{self.otherwise}."
            ) from error
        return [self._array(folder / name) for name in self.md5]

    def bring(self, folder: Path, root: Path) -> Path:
        """Copy the four files from `folder` to below `root`, all checked first; returns where they are.

        Raises DataError; then nothing is copied.
        """
        missing = [name for name in self.md5 if not (folder / name).is_file()]
        if missing:
            raise DataError(
                f"`{folder}` should hold the four official {self.title} files. Missing: {', '.join(missing)}. "
                "They are named in `mtlray data list`."
            )
        self.check(folder)
        target = self.folder(root)
        try:
            target.mkdir(parents=True, exist_ok=True)
            for name in self.md5:
                with new_file(target / name, durable=False) as temporary:
                    shutil.copyfile(folder / name, temporary)
        except OSError as error:
            raise DataError(
                f"{self.title} should be written to {target}. Found: {error}. Choose another place with --data."
            ) from error
        return target

    def _compared(self, path: Path) -> bytes:
        """The bytes of an official file. Raises DataError for others."""
        md5, expected = self.md5[path.name], f"an official {self.title} file"
        with guarded(f"`{path}`", expected):
            packed = path.read_bytes()
        if _md5(packed) != md5 and not self._has_the_content(path.name, packed):
            raise DataError(
                f"`{path}` should be the official {self.title} file with md5 {md5}. Found another content: it is damaged or cut "
                f"short. Fetch it again, and then run `mtlray data import {self.source} FOLDER`."
            )
        return packed

    def _has_the_content(self, name: str, packed: bytes) -> bool:
        try:
            return _md5(gzip.decompress(packed)) == self.content_md5.get(name)
        except (OSError, EOFError, zlib.error):
            return False

    def _array(self, path: Path) -> np.ndarray:
        """The array in a file: two zero bytes, a type (8 is uint8), the number of axes, their sizes, the values."""
        packed = self._compared(path)
        with guarded(f"`{path}`", f"an official {self.title} file"):
            content = gzip.decompress(packed)
            shape = struct.unpack_from(f">{content[3]}I", content, 4)
            return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


# md5 as in torchvision.datasets.MNIST.
MNIST = OfficialFiles(
    title="MNIST",
    source="mnist",
    md5=MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
            "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        }
    ),
    otherwise=', or use the 5,000 digits that need no download: `MultiMNIST(source="mnist5k")`',
)

# md5 as in torchvision.datasets.FashionMNIST; that of the content is of Debian's package dataset-fashion-mnist.
FASHION = OfficialFiles(
    title="Fashion-MNIST",
    source="fashion",
    md5=MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
        }
    ),
    content_md5=MappingProxyType(
        {
            "train-images-idx3-ubyte.gz": "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte.gz": "9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte.gz": "8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte.gz": "15d484375f8d13e6eb1aabb0c3f46965",
        }
    ),
)
