"""How two digits are laid over each other on a 36x36 canvas, and which one is the left and which the right.

A layout maps digits to pairs. The published descriptions differ and none is complete; docs/paper.md tells how the default was
chosen by measurement.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np

from mtlray.data.multi_mnist.digits import Digits

CANVAS = 36
DIGIT = 28
_CHUNK = 10_000  # pairs composed at once; bounds the memory


@dataclass(frozen=True)
class Pairs:
    """Composed images `[n, 36, 36]`, the right digit alone at its place `[n, 36, 36]`, which of the digits it is `[n]`, and
    classes `[n, 2]` (left, right).
    """

    images: np.ndarray
    right: np.ndarray
    right_index: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Layout:
    """Where the digits go: offsets in pixels from the top left corner, drawn for each pair as `[n, digit, (y, x)]`.

    `merge` is the pixelwise maximum or the sum clipped at 255; `same_class` says whether a pair may hold one class twice;
    `ordered_by_x` makes the digit further left the left one.
    """

    offsets: Callable[[np.random.Generator, int], np.ndarray]
    merge: Literal["max", "add"] = "max"
    same_class: bool = True
    ordered_by_x: bool = False


def _fixed(left: int, right: int) -> Callable[[np.random.Generator, int], np.ndarray]:
    def offsets(rng: np.random.Generator, n: int) -> np.ndarray:
        del rng
        return np.broadcast_to(np.array([[left, left], [right, right]]), (n, 2, 2)).copy()

    return offsets


def _corner_jitter(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.stack([rng.integers(0, 5, (n, 2)), rng.integers(4, 9, (n, 2))], axis=1)


def _lr_jitter(rng: np.random.Generator, n: int) -> np.ndarray:
    y = rng.integers(0, 9, (n, 2))
    x = np.stack([rng.integers(0, 4, n), rng.integers(5, 9, n)], axis=1)
    return np.stack([y, x], axis=2)


def _sabour(rng: np.random.Generator, n: int) -> np.ndarray:
    offsets = rng.integers(0, 9, (n, 2, 2))
    while (tied := offsets[:, 0, 1] == offsets[:, 1, 1]).any():  # neither digit would be the left one
        offsets[tied] = rng.integers(0, 9, (int(tied.sum()), 2, 2))
    return offsets


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        # Sener and Koltun 2018: top left and bottom right corners, 6 pixels apart; any partner. The default.
        "sener": Layout(_fixed(0, 6)),
        # Both digits shifted by exactly 4 pixels from the centre.
        "corner8": Layout(_fixed(0, 8), same_class=False),
        # Lin et al. 2019 (Pareto MTL): corners, each digit moved by up to 4 pixels towards the other.
        "corner_jitter": Layout(_corner_jitter, same_class=False),
        # Left digit 1 to 4 pixels to the left, right digit 1 to 4 to the right, both up to 4 up or down.
        "lr_jitter": Layout(_lr_jitter, same_class=False),
        # Sabour et al. 2017: both digits shifted by up to 4 pixels; the one further left is called left.
        "sabour": Layout(_sabour, merge="add", same_class=False, ordered_by_x=True),
    }
)


def compose(layout: Layout, digits: Digits, rng: np.random.Generator, others: Digits | None = None) -> Pairs:
    """One pair for each digit, which is its first member once; partners are drawn with replacement from the same digits.

    Or from `others`, of other classes: these are the right ones then, in every layout, and `right_index` is among them.
    """
    n, theirs = len(digits), digits if others is None else others
    partners = rng.integers(0, len(theirs), n)
    while others is None and not layout.same_class and (same := digits.labels[partners] == digits.labels).any():
        partners[same] = rng.integers(0, n, int(same.sum()))
    members = np.stack([np.arange(n), partners], axis=1)
    offsets = layout.offsets(rng, n)
    if layout.ordered_by_x:
        swap = offsets[:, 0, 1] > offsets[:, 1, 1]
        offsets[swap] = offsets[swap][:, ::-1]
        if others is None:
            members[swap] = members[swap][:, ::-1]
    images = np.empty((n, CANVAS, CANVAS), np.uint8)
    right = np.empty_like(images)
    for start in range(0, n, _CHUNK):
        part = slice(start, start + _CHUNK)
        left = _place(digits.images[members[part, 0]], offsets[part, 0])
        right[part] = _place(theirs.images[members[part, 1]], offsets[part, 1])
        if layout.merge == "max":
            images[part] = np.maximum(left, right[part])
        else:
            images[part] = np.minimum(left.astype(np.uint16) + right[part], 255)
    labels = np.stack([digits.labels[members[:, 0]], theirs.labels[members[:, 1]]], axis=1)
    return Pairs(images, right, members[:, 1], labels)


def _place(images: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Each digit on an empty canvas with its top left corner at its offset `(y, x)`."""
    canvas = np.zeros((len(images), CANVAS, CANVAS), np.uint8)
    rows = offsets[:, 0, None, None] + np.arange(DIGIT)[None, :, None]
    columns = offsets[:, 1, None, None] + np.arange(DIGIT)[None, None, :]
    canvas[np.arange(len(images))[:, None, None], rows, columns] = images
    return canvas


def resize_nearest(images: np.ndarray, size: int) -> np.ndarray:
    """Nearest-neighbour resize to `size` x `size`, each output pixel taking the input pixel under its centre."""
    index = ((np.arange(size) + 0.5) * images.shape[-1] / size).astype(np.int64)
    return np.ascontiguousarray(images[:, index[:, None], index[None, :]])
