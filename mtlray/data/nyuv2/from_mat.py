"""NYUv2 from the official `nyu_depth_v2_labeled.mat`, read image by image, with the official split and class maps beside it.

The official crop of the valid pixels (rows 45 to 471, columns 41 to 601) is resized to 288x384: colours bicubic, depth and
labels to the nearest pixel.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
from PIL import Image

from mtlray.data.nyuv2.sample import HEIGHT, WIDTH, Sample
from mtlray.errors import DataError

OFFICIAL_BYTES = 2_972_037_809
OFFICIAL_MD5 = "520609c519fba3ba5ac58c8fefcc3530"
COMPANIONS = ("splits.mat", "classMapping40.mat", "class13Mapping.mat")
_CROP = (40, 44, 601, 471)  # left, upper, right, lower; the last two are outside
_SHAPES = {"images": (3, 640, 480), "depths": (640, 480), "labels": (640, 480)}


class MatForm:
    """The samples of the official file, in the order of the official split. Raises DataError for missing and damaged files."""

    origin = "nyuv2:mat"
    words = "the official file"
    normals = "computed from depth"
    depth_bin: float | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()
        n = self._check()
        missing = [name for name in COMPANIONS if not (path.parent / name).is_file()]
        if missing:
            raise DataError(
                f"The files {', '.join(COMPANIONS)} should be beside `{path}`. Missing: {', '.join(missing)}. "
                "`mtlray data list` says where to get them."
            )
        split = self._companion("splits.mat")
        kept = {"train": "trainNdxs", "test": "testNdxs"}
        # Which images of the file a split has, from 0.
        self.order = {
            ours: [i for i in (np.ravel(split[theirs]).astype(int) - 1).tolist() if i < n]
            for ours, theirs in kept.items()
        }
        to40 = np.concatenate([[0], np.ravel(self._companion("classMapping40.mat")["mapClass"])]).astype(int)
        of13 = self._companion("class13Mapping.mat")["classMapping13"]["labels13"][0, 0]
        self._classes = np.concatenate([[0], np.ravel(of13)]).astype(np.int16)[to40] - 1

    def count(self, split: str) -> int:
        return len(self.order[split])

    def samples(self, split: str) -> Iterator[Sample]:
        for i in self.order[split]:
            name = f"{self._path.name}, image {i + 1}"
            image, depth, labels = (self._read(field, i) for field in _SHAPES)
            if labels.max() >= len(self._classes):
                raise self._wrong(
                    f"class {labels.max()} in image {i + 1}, where the map ends at {len(self._classes) - 1}"
                )
            yield Sample(
                name,
                resized(image.transpose(2, 1, 0), Image.Resampling.BICUBIC),
                resized(depth.T.astype(np.float32), Image.Resampling.NEAREST),
                resized(self._classes[labels.T].astype(np.int32), Image.Resampling.NEAREST),
                scene=self._scene(i),
            )

    def _open(self) -> Any:
        try:
            import h5py
        except ImportError as error:
            raise DataError(
                "Reading the official NYUv2 file needs h5py. It is not installed. Run `pip install 'mtlray[nyuv2]'`."
            ) from error
        try:
            return h5py.File(self._path, "r")
        except OSError as error:
            raise self._wrong(str(error)) from error

    def _check(self) -> int:
        counts = set()
        for field, shape in _SHAPES.items():
            if field not in self._file:
                raise self._wrong(f"no `{field}`")
            found = self._file[field].shape
            if found[1:] != shape:
                raise self._wrong(f"`{field}` of shape {found}, where (n, {', '.join(map(str, shape))}) is expected")
            counts.add(found[0])
        if len(counts) > 1:
            raise self._wrong(f"different numbers of images, depths and labels: {sorted(counts)}")
        return int(counts.pop())

    def _read(self, field: str, i: int) -> np.ndarray:
        try:
            array: np.ndarray = self._file[field][i]
        except (OSError, RuntimeError) as error:
            raise self._wrong(f"`{field}` of image {i + 1} cannot be read: {error}") from error
        return array

    def _scene(self, i: int) -> str | None:
        """The name of the scene, such as `kitchen_0004`, where the file has it: a reference to characters."""
        if "scenes" not in self._file:
            return None
        reference = np.ravel(self._file["scenes"])[i]
        return "".join(map(chr, np.ravel(self._file[reference])))

    def _companion(self, name: str) -> Any:
        path = self._path.parent / name
        try:
            return scipy.io.loadmat(path)
        except (OSError, ValueError, TypeError, NotImplementedError, scipy.io.matlab.MatReadError) as error:
            raise DataError(
                f"`{path}` should be the official file of NYUv2. Found: {error}. Fetch it again."
            ) from error

    def _wrong(self, found: str) -> DataError:
        return DataError(
            f"`{self._path}` should be the official `nyu_depth_v2_labeled.mat`, an HDF5 file with images, depths and labels. "
            f"Found: {found}. Nothing was imported. Fetch the file again."
        )


def resized(array: np.ndarray, how: Image.Resampling) -> np.ndarray:
    """A picture of 640x480, its valid part at 288x384."""
    return np.asarray(Image.fromarray(array).crop(_CROP).resize((WIDTH, HEIGHT), how))
