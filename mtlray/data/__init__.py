"""Data sets, one a file. DATASETS lists them."""

from mtlray.data.arrays import ArrayDataset, TorchDataset
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, subset
from mtlray.data.celeba import CelebA
from mtlray.data.cifar100 import CIFAR100, CIFAR100BySuperclass
from mtlray.data.faces import IMDBWiki, UTKFace
from mtlray.data.multi_mnist.spec import MultiMNIST
from mtlray.data.nyuv2 import NYUv2
from mtlray.data.tables import CLINC150, Tox21, Yeast

DATASETS: tuple[type[DatasetSpec], ...] = (
    ArrayDataset,
    TorchDataset,
    MultiMNIST,
    NYUv2,
    IMDBWiki,
    UTKFace,
    CLINC150,
    Tox21,
    Yeast,
    CelebA,
    CIFAR100,
    CIFAR100BySuperclass,
)

__all__ = [
    "CIFAR100",
    "CLINC150",
    "DATASETS",
    "ArrayDataset",
    "CIFAR100BySuperclass",
    "CelebA",
    "Column",
    "Dataset",
    "DatasetSpec",
    "Examples",
    "IMDBWiki",
    "MultiMNIST",
    "NYUv2",
    "TorchDataset",
    "Tox21",
    "UTKFace",
    "Yeast",
    "subset",
]
