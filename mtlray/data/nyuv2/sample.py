"""One labelled image of NYUv2 as an importer hands it over, checked, and how its arrays are stored."""

from dataclasses import dataclass

import numpy as np

from mtlray.errors import DataError

HEIGHT, WIDTH = 288, 384
N_TRAIN, N_TEST = 795, 654
CLASSES = (
    "bed", "books", "ceiling", "chair", "floor", "furniture", "objects", "picture", "sofa", "table", "tv", "wall", "window",
)  # fmt: skip

# Metres of one step of a stored depth. It is an int16; the sensor's range of 10 m needs a third of a millimetre.
DEPTH_STEP = 1 / 3200
MAX_DEPTH = 32767 * DEPTH_STEP

# One step of a stored component of a normal, an int8. The angle of a stored normal is off by 0.2 degrees on average.
NORMAL_STEPS = 127


@dataclass(frozen=True)
class Sample:
    """An image in uint8 `[288, 384, 3]`, depth in metres `[288, 384]` with 0 for none, classes `[288, 384]` with -1 for none,
    and unit normals `[288, 384, 3]` with (0, 0, 0) for none, where there are any. `name` says in errors which one it is.
    """

    name: str
    image: np.ndarray
    depth: np.ndarray
    labels: np.ndarray
    normals: np.ndarray | None = None
    scene: str | None = None

    def checked(self) -> "Sample":
        """The same sample. Raises DataError where a shape, a type or a range is not as it should be."""
        self._shape("image", self.image, (HEIGHT, WIDTH, 3))
        self._shape("depth", self.depth, (HEIGHT, WIDTH))
        self._shape("label", self.labels, (HEIGHT, WIDTH))
        if self.image.dtype != np.uint8:
            raise self._wrong("image", "have eight bits a colour", f"{self.image.dtype}")
        if not np.isfinite(self.depth).all():
            raise self._wrong("depth", "be finite", "values that are not")
        if self.depth.min() < 0 or self.depth.max() > MAX_DEPTH:
            found = f"{self.depth.min():.3g} to {self.depth.max():.3g}"
            raise self._wrong("depth", f"lie between 0 (none) and {MAX_DEPTH:.2f} metres", found)
        wrong = np.setdiff1d(self.labels, np.arange(-1, len(CLASSES)))
        if wrong.size:
            rule = f"be classes from 0 to {len(CLASSES) - 1}, or -1 for none"
            raise self._wrong("label", rule, ", ".join(f"{value:g}" for value in wrong[:5]))
        if self.normals is not None:
            self._shape("normal", self.normals, (HEIGHT, WIDTH, 3))
            length = np.linalg.norm(self.normals, axis=-1)
            off = ~(np.abs(length - 1) < 0.05) & (length != 0)  # not finite is off, too
            if off.any():
                raise self._wrong(
                    "normal", "be unit vectors, or (0, 0, 0) for none", f"lengths such as {length[off][0]:.3g}"
                )
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """The stored form: image `[3, H, W]` uint8, depth `[1, H, W]` int16 in steps, labels `[H, W]` int8, normals
        `[4, H, W]` int8 in steps, whose last channel says whether the pixel has a depth.
        """
        depth = np.rint(self.depth / DEPTH_STEP).astype("<i2")
        depth[(depth == 0) & (self.depth > 0)] = 1  # 0 is no depth
        stored = {
            "images": self.image.transpose(2, 0, 1),
            "depth": depth[None],
            "labels": self.labels.astype(np.int8),
        }
        if self.normals is not None:
            vectors = np.rint(self.normals * NORMAL_STEPS).astype(np.int8)
            stored["normals"] = np.concatenate([vectors.transpose(2, 0, 1), (depth != 0).astype(np.int8)[None]])
        return stored

    def _shape(self, what: str, array: np.ndarray, expected: tuple[int, ...]) -> None:
        if array.shape != expected:
            raise self._wrong(what, f"be {_times(expected)}", _times(array.shape))

    def _wrong(self, what: str, rule: str, found: str) -> DataError:
        return DataError(
            f"The {what} of `{self.name}` should {rule}. Found {found}. Nothing was imported. Fetch the data again."
        )


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "one number"
