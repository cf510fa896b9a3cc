"""A table, arrays or a data set of PyTorch of your own as a data set."""

from mtlray.data.arrays.spec import ArrayDataset
from mtlray.data.arrays.torch_spec import TorchDataset

__all__ = ["ArrayDataset", "TorchDataset"]
