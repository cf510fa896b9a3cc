"""Data sets, one a file. DATASETS lists them."""

from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, subset
from mtlray.data.multi_mnist import MultiMNIST
from mtlray.data.nyuv2 import NYUv2

DATASETS: tuple[type[DatasetSpec], ...] = (MultiMNIST, NYUv2)

__all__ = ["DATASETS", "Column", "Dataset", "DatasetSpec", "Examples", "MultiMNIST", "NYUv2", "subset"]
