"""NYUv2 from the official `nyu_depth_v2_labeled.mat`, read image by image, with the official split and class maps beside it.

The official crop of the valid pixels (rows 45 to 471, columns 41 to 601) is resized to 288x384: colours bicubic, depth and
labels to the nearest pixel.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mtlray.data.nyuv2.sample import CLASSES, HEIGHT, WIDTH, Sample
from mtlray.errors import DataError
from mtlray.reading.causes import guarded
from mtlray.reading.hdf5 import HDF5
from mtlray.reading.matlab import read_mat

# Bytes and md5 of each official file.
OFFICIAL = {
    "splits.mat": (2_626, "08e3c3aea27130ac7c01ffd739a4535f"),
    "classMapping40.mat": (10_474, "e377c88729dd63af81205ac9a8634a19"),
    "class13Mapping.mat": (408, "d62deeb2e5bc7aad038724cb95d36314"),
    "nyu_depth_v2_labeled.mat": (2_972_037_809, "520609c519fba3ba5ac58c8fefcc3530"),
}
_SPLITS = {"train": "trainNdxs", "test": "testNdxs"}
COMPANIONS = tuple(OFFICIAL)[:3]
_CROP = (40, 44, 601, 471)  # left, upper, right, lower; the last two are outside
# The shape of one row of each array, and numpy's letter and bytes of its type.
_STORED = {"images": ((3, 640, 480), "u1"), "depths": ((640, 480), "f4"), "labels": ((640, 480), "u2")}


class MatForm:
    """The samples of the official file, in the order of the official split. Raises DataError for missing and damaged files."""

    origin = "nyuv2:mat"
    words = "the official file"
    normals = "computed from depth"
    depth_bin: float | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = HDF5(path)
        n = self._check()
        missing = [name for name in COMPANIONS if not (path.parent / name).is_file()]
        if missing:
            raise DataError(
                f"The files {', '.join(COMPANIONS)} should be beside `{path}`. Missing: {', '.join(missing)}. "
                "`mtlray data list` says where to get them."
            )
        self.order = self._order(n)
        """Which images of the file a split has, from 0."""
        self._classes = self._class_map()

    def count(self, split: str) -> int:
        return len(self.order[split])

    def samples(self, split: str) -> Iterator[Sample]:
        for i in self.order[split]:
            name = f"{self._path.name}, image {i + 1}"
            image, depth, labels = (self._file.row(field, i) for field in _STORED)
            if labels.max() >= len(self._classes):
                raise self._wrong(
                    f"class {labels.max()} in image {i + 1}, where the map ends at {len(self._classes) - 1}"
                )
            yield Sample(
                name,
                resized(image.transpose(2, 1, 0), Image.Resampling.BICUBIC),
                resized(depth.T.astype(np.float32), Image.Resampling.NEAREST),
                resized(self._classes[labels.T].astype(np.int32), Image.Resampling.NEAREST),
                scene=self._file.text("scenes", i) if "scenes" in self._file else None,
            )

    def _check(self) -> int:
        counts = set()
        for field, (shape, kind) in _STORED.items():
            if field not in self._file:
                raise self._wrong(f"no `{field}`")
            found, dtype = self._file.header(field)
            if found[1:] != shape or dtype != np.dtype(f"<{kind}"):
                wanted = f"(n, {', '.join(map(str, shape))}) of type {kind}"
                raise self._wrong(f"`{field}` of shape {found} and type {dtype.str}, where {wanted} is expected")
            counts.add(found[0])
        if len(counts) > 1:
            raise self._wrong(f"different numbers of images, depths and labels: {sorted(counts)}")
        return int(counts.pop())

    def _order(self, n: int) -> dict[str, list[int]]:
        """The images of each split that are among the `n` of the file. Raises ReadError where they are not apart."""
        path = self._path.parent / "splits.mat"
        numbers = read_mat(path, *_SPLITS.values())
        with guarded(f"`{path}`", "the official split of NYUv2"):
            order = {ours: np.ravel(numbers[theirs]).astype(int) - 1 for ours, theirs in _SPLITS.items()}
            both = np.concatenate(list(order.values()))
            if both.min() < 0 or len(np.unique(both)) < len(both):
                raise ValueError("numbers of images below 1, or one number twice")
        return {split: [i for i in of_split.tolist() if i < n] for split, of_split in order.items()}

    def _class_map(self) -> np.ndarray:
        """The class, from 0 and -1 for none, of each of the file's own classes."""
        path40, path13 = (self._path.parent / name for name in COMPANIONS[1:])
        to40 = read_mat(path40, "mapClass")["mapClass"]
        of13 = read_mat(path13, "classMapping13", fields=["labels13"])["classMapping13"]
        with guarded(f"`{path40}` with `{path13.name}`", "the official map of classes"):
            of40 = np.concatenate([[0], np.ravel(of13["labels13"])]).astype(np.int16)
            classes: np.ndarray = of40[np.concatenate([[0], np.ravel(to40)]).astype(int)] - 1
            if classes.min() < -1 or classes.max() >= len(CLASSES):
                raise ValueError(f"classes from {classes.min()} to {classes.max()}")
        return classes

    def _wrong(self, found: str) -> DataError:
        return DataError(
            f"`{self._path}` should be the official `nyu_depth_v2_labeled.mat`, an HDF5 file with images, depths and labels. "
            f"Found: {found}. Nothing was imported. Fetch the file again."
        )


def resized(array: np.ndarray, how: Image.Resampling) -> np.ndarray:
    """A picture of 640x480, its valid part at 288x384."""
    return np.asarray(Image.fromarray(array).crop(_CROP).resize((WIDTH, HEIGHT), how))
