"""NYUv2 from a zip of 288x384 pictures: JPEG images, 8-bit depth, 13-class labels.

`{train,val}/image/%04d.jpg`, `{train,val}/depth/%04d.png`, `{train,val}/label13/%04d.png`; the depth is (code + 0.5) 10 / 255
metres, a label of 255 is none.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mtlray.data.nyuv2.sample import Sample
from mtlray.errors import DataError
from mtlray.reading.archives import ZipMembers
from mtlray.reading.pictures import read_picture
from mtlray.storage.names import is_side_file

DEPTH_BIN = 10 / 255
_FOLDERS = {"train": "train", "test": "val"}
_PARTS = {"image": "jpg", "depth": "png", "label13": "png"}


class ZipForm:
    """The samples of a zip file, in the official order. Raises DataError for one that is no such file, or damaged."""

    origin = "nyuv2:288-jpeg-depth8"
    words = "JPEG images and 8-bit depth at 288x384, NOT the official files"
    normals = "computed from depth"
    depth_bin: float | None = DEPTH_BIN

    def __init__(self, path: Path) -> None:
        self._path = path
        self._zip = ZipMembers(path)
        # By names in small letters, because cameras and Windows write `.JPG`.
        self._names = {name.lower(): name for name in self._zip.names if not is_side_file(name)}

    def count(self, split: str) -> int:
        """How many images there are. Raises DataError where a picture of one has none of the other two."""
        folder = _FOLDERS[split]
        counts = [
            sum(name.startswith(f"{folder}/{part}/") and name.endswith(f".{ending}") for name in self._names)
            for part, ending in _PARTS.items()
        ]
        for part, ending in _PARTS.items():
            for i in range(max(counts)):
                if (name := f"{folder}/{part}/{i:04d}.{ending}") not in self._names:
                    raise self._damaged(f"{counts[0]} images in `{folder}` and no `{name}`")
        if not counts[0]:
            raise self._damaged(f"no `{folder}/image/0000.jpg`")
        return counts[0]

    def samples(self, split: str) -> Iterator[Sample]:
        folder = _FOLDERS[split]
        for i in range(self.count(split)):
            image, code, labels = (self._read(f"{folder}/{part}/{i:04d}.{end}") for part, end in _PARTS.items())
            labels = np.where(labels == 255, -1, labels.astype(np.int16))
            yield Sample(f"{folder}/{i:04d}", image, (code + 0.5) * DEPTH_BIN, labels)

    def _read(self, name: str) -> np.ndarray:
        member = self._names[name]
        return np.asarray(read_picture(self._zip.read(member), self._zip.shown(member)))

    def _damaged(self, found: str) -> DataError:
        return DataError(
            f"`{self._path}` should be a whole zip file with the folders image, depth and label13 in train and val. "
            f"Found: {found}. Nothing was imported. Fetch the file again."
        )
