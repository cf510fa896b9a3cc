"""The official NYUv2 file together with published surface normals, which come in an archive of their own.

- `mat-eigen`: `normals_gt.tgz` (Eigen and Fergus 2015), with `normals_gt/normals/%04d.png`, whose colours are (n + 1) 255 / 2,
  and `normals_gt/masks/%04d.png`, 0 for none; numbered from 0.
- `mat-ladicky`: `nyuv2_surfacenormal_metadata.zip` (Ladicky et al. 2014, given out with Goyal et al. 2019), with
  `all_normals.pklz`, a pickle of `all_normals` `[n, 480, 640, 3]`, `all_valid_depth_masks` `[n, 480, 640]`, and `all_filenames`,
  which are numbers from 1.

Neither says which way its axes point. They are found by comparison with normals computed from depth, and a set of normals that
does not agree with the depths under any choice of axes is refused.
"""

import abc
import dataclasses
import gzip
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mtlray.data.nyuv2.from_mat import MatForm, resized
from mtlray.data.nyuv2.normals import normals_from_depth
from mtlray.data.nyuv2.sample import Sample
from mtlray.errors import DataError
from mtlray.reading.archives import ZipMembers, members
from mtlray.reading.causes import guarded
from mtlray.reading.pickles import read_arrays
from mtlray.reading.pictures import read_picture
from mtlray.storage.names import has_ending

_COMPARED = 8  # images
_UNPACKED = 2**35  # bytes; more than either archive has
# The least mean cosine with normals from depth. The one published map at hand has 0.91; those of other images have 0.45, and one
# direction everywhere has 0.55.
_AGREEMENT = 0.75
_MARGIN = 0.05  # by which the best axes have to be better than all others

Normals = Callable[[int], np.ndarray]
"""The normals `[480, 640, 3]` of the image with an official number, from 1, in the archive's own axes; 0 for none."""


class _Published(abc.ABC):
    """The samples of `MatForm` with the archive's normals. Raises DataError, as it does, and for normals that do not fit."""

    origin: str
    words = MatForm.words
    normals: str
    depth_bin: float | None = None
    layout: str

    def __init__(self, path: Path, archive: Path) -> None:
        self._form, self._path, self._archive = MatForm(path), path, archive
        self._of = self._read_archive()
        self._channels, self._signs = self._axes()
        named = zip(self._channels, self._signs, strict=True)
        axes = ", ".join(f"{'-' if sign < 0 else ''}channel {channel + 1}" for channel, sign in named)
        self.normals = f"{self.normals}; x, y, z are its {axes}"

    def count(self, split: str) -> int:
        return self._form.count(split)

    def samples(self, split: str) -> Iterator[Sample]:
        for i, sample in zip(self._form.order[split], self._form.samples(split), strict=True):
            yield dataclasses.replace(sample, normals=self._resized(i)[..., self._channels] * self._signs)

    @abc.abstractmethod
    def _read_archive(self) -> Normals: ...

    def _resized(self, i: int) -> np.ndarray:
        whole = self._of(i + 1)
        if whole.shape != (480, 640, 3):
            raise self._no_normals(f"normals of image {i + 1} of shape {whole.shape}")
        small = np.stack(
            [resized(whole[..., c].astype(np.float32), Image.Resampling.NEAREST) for c in range(3)], axis=-1
        )
        length = np.linalg.norm(small, axis=-1, keepdims=True)
        unit: np.ndarray = np.where(length > 0.5, small / np.maximum(length, 0.5), 0)
        return unit

    def _axes(self) -> tuple[list[int], list[int]]:
        """Which channel, and with which sign, is x, y and z."""
        cosines, n = np.zeros((3, 3)), 0
        compared = zip(self._form.order["train"], self._form.samples("train"), strict=True)
        for i, sample in itertools.islice(compared, _COMPARED):
            given, computed = self._resized(i), normals_from_depth(sample.depth.astype(np.float64))
            both = given.any(axis=-1) & computed.any(axis=-1)
            cosines += given[both].T @ computed[both]
            n += int(both.sum())
        cosines /= max(n, 1)

        def agreement(axes: tuple[tuple[int, ...], tuple[int, ...]]) -> float:
            channels, signs = axes
            return float(cosines[list(channels), range(3)] @ signs)

        choices = itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3))
        second, best = sorted(choices, key=agreement)[-2:]
        if agreement(best) < _AGREEMENT or agreement(best) - agreement(second) < _MARGIN:
            raise self._no_normals(
                f"with normals computed from depth a mean cosine of {agreement(best):.2f} for the best choice of axes and "
                f"{agreement(second):.2f} for the next"
            )
        return list(best[0]), list(best[1])

    def _no_normals(self, found: str) -> DataError:
        return DataError(
            f"`{self._archive}` should hold published normals of the images in `{self._path}`, {self.layout}. Found: {found}. "
            "Nothing was imported. Fetch the archive again, or leave --normals out to have normals computed from depth."
        )


class EigenForm(_Published):
    """With the normals of `normals_gt.tgz`."""

    origin = "nyuv2:mat-eigen"
    normals = "of normals_gt.tgz (Eigen and Fergus 2015)"
    layout = "as normals_gt/normals/0000.png and normals_gt/masks/0000.png and so on"

    def _read_archive(self) -> Normals:
        # In one go: a compressed archive cannot be read in another order.
        files = {
            name.lower(): b"".join(pieces)
            for name, _, pieces in members(self._archive, _UNPACKED)
            if has_ending(name, ".png")
        }

        def picture(part: str, number: int) -> np.ndarray:
            name = f"normals_gt/{part}/{number - 1:04d}.png"
            if name not in files:
                raise self._no_normals(f"no `{name}`")
            return np.asarray(read_picture(files[name], f"`{name}` in `{self._archive}`"))

        def of(number: int) -> np.ndarray:
            valid, colours = picture("masks", number) != 0, picture("normals", number)
            if (valid.shape, colours.shape) != ((480, 640), (480, 640, 3)):
                raise self._no_normals(
                    f"normals and a mask of image {number} of shapes {colours.shape} and {valid.shape}"
                )
            return np.where(valid[..., None], colours / 127.5 - 1, 0)

        return of


class LadickyForm(_Published):
    """With the normals of `nyuv2_surfacenormal_metadata.zip`; its arrays take 7 GB of memory."""

    origin = "nyuv2:mat-ladicky"
    normals = "of nyuv2_surfacenormal_metadata.zip (Ladicky et al. 2014)"
    layout = "as the arrays of all_normals.pklz"

    def _read_archive(self) -> Normals:
        with ZipMembers(self._archive) as archive:
            names = [name for name in archive.names if has_ending(name, "all_normals.pklz")]
            if len(names) != 1:
                raise self._no_normals(f"{len(names)} files all_normals.pklz")
            shown = archive.shown(names[0])
            with archive.stream(names[0], _UNPACKED) as packed, gzip.GzipFile(fileobj=packed) as stream:
                content = read_arrays(stream, shown)
        with guarded(f"The normals in {shown}", self.layout):
            vectors, masks = content["all_normals"], content["all_valid_depth_masks"]
            row = {int(name): i for i, name in enumerate(content["all_filenames"])}
            if vectors.shape != (len(row), 480, 640, 3) or masks.shape != (len(row), 480, 640):
                raise ValueError(f"arrays of shapes {vectors.shape} and {masks.shape} for {len(row)} names")
            if vectors.dtype.kind != "f" or masks.dtype.kind not in "bfiu":
                raise ValueError(f"arrays of {vectors.dtype} and {masks.dtype}")

        def of(number: int) -> np.ndarray:
            if number not in row:
                raise self._no_normals(f"no image {number}")
            valid: np.ndarray = masks[row[number]] != 0
            return np.where(valid[..., None], vectors[row[number]], 0)

        return of
