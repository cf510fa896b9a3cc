"""Data sets, one a file. DATASETS lists them."""

from mtlray.data.arrays import ArrayDataset, TorchDataset
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, subset
from mtlray.data.faces import IMDBWiki, UTKFace
from mtlray.data.multi_mnist.spec import MultiMNIST
from mtlray.data.nyuv2 import NYUv2

DATASETS: tuple[type[DatasetSpec], ...] = (ArrayDataset, TorchDataset, MultiMNIST, NYUv2, IMDBWiki, UTKFace)

__all__ = [
    "DATASETS",
    "ArrayDataset",
    "Column",
    "Dataset",
    "DatasetSpec",
    "Examples",
    "IMDBWiki",
    "MultiMNIST",
    "NYUv2",
    "TorchDataset",
    "UTKFace",
    "subset",
]
