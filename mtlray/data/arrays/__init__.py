"""A table or arrays of your own as a data set."""

from mtlray.data.arrays.spec import ArrayDataset

__all__ = ["ArrayDataset"]
