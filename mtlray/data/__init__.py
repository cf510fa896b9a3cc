"""Data sets, one a file. DATASETS lists them."""

from mtlray.data.base import Column, Dataset, DatasetSpec, Examples, subset
from mtlray.data.multi_mnist import MultiMNIST

DATASETS: tuple[type[DatasetSpec], ...] = (MultiMNIST,)

__all__ = ["DATASETS", "Column", "Dataset", "DatasetSpec", "Examples", "MultiMNIST", "subset"]
