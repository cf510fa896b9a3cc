"""NYUv2 from the folders of Liu et al. 2019 (mtan): `{train,val}/{image,label,depth,normal}/{i}.npy`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mtlray.data.nyuv2.sample import Sample
from mtlray.errors import DataError
from mtlray.reading.arrays import read_npy
from mtlray.reading.causes import guarded
from mtlray.storage.names import has_ending, is_side_file

_FOLDERS = {"train": "train", "test": "val"}
_PARTS = ("image", "label", "depth", "normal")


class MtanForm:
    """The samples of the folders, in the order of their numbers. Raises DataError for missing and damaged files."""

    origin = "nyuv2:mtan"
    words = "the npy files of mtan"
    normals = "given"
    depth_bin: float | None = None

    def __init__(self, path: Path) -> None:
        self._path = path

    def count(self, split: str) -> int:
        """How many images there are. Raises DataError where the four folders do not hold the same numbers."""
        numbers: dict[str, set[str]] = {}
        for part in _PARTS:
            numbers[part] = set(self._files(split, part))
        n = len(numbers["image"])
        expected = {str(i) for i in range(n)}
        for part in _PARTS:
            if numbers[part] != expected or not n:
                odd = sorted(numbers[part] ^ expected)[:3]
                found = f"{n} images and {len(numbers[part])} files of `{_FOLDERS[split]}/{part}`"
                raise self._wrong(f"{found}, which differ in {', '.join(odd)}" if odd else found)
        return n

    def samples(self, split: str) -> Iterator[Sample]:
        n = self.count(split)
        files = [self._files(split, part) for part in _PARTS]
        for i in range(n):
            image, labels, depth, normals = (read_npy(of_part[str(i)]) for of_part in files)
            name = f"{_FOLDERS[split]}/{i}"
            if labels.ndim == 2 and (labels != np.rint(labels)).any():
                raise self._wrong(f"labels of `{name}` that are no whole numbers")
            depth = depth[..., 0] if depth.ndim == 3 and depth.shape[-1] == 1 else depth
            yield Sample(name, self._eight_bits(name, image), depth, labels, normals)

    def _files(self, split: str, part: str) -> dict[str, Path]:
        """The arrays of one part, by the number in their names."""
        folder = self._path / _FOLDERS[split] / part
        if not folder.is_dir():
            raise self._wrong(f"no folder `{folder}`")
        with guarded(f"`{folder}`", "a folder of arrays"):
            files = list(folder.iterdir())
        return {file.stem: file for file in files if has_ending(file, ".npy") and not is_side_file(file.name)}

    def _eight_bits(self, name: str, image: np.ndarray) -> np.ndarray:
        """The files are said to hold [0, 1]; their types are nowhere written down."""
        if image.dtype == np.uint8:
            return image
        if not image.size:
            raise self._wrong(f"no pixel in the image of `{name}`")
        low, high = image.min(), image.max()
        if not (low >= 0 and high <= 255):
            raise self._wrong(f"the image of `{name}` ranges from {low:.3g} to {high:.3g}")
        rounded: np.ndarray = np.rint(image * (255 if high <= 1 else 1)).astype(np.uint8)
        return rounded

    def _wrong(self, found: str) -> DataError:
        return DataError(
            f"`{self._path}` should hold the folders image, label, depth and normal in train and val, each with the files "
            f"0.npy, 1.npy and so on. Found: {found}. Nothing was imported. Fetch the data again."
        )
