"""Data sets that installed packages offer."""

from mtlray.data import DATASETS, DatasetSpec
from mtlray.identity.plugins import Offered

OFFERED = Offered("mtlray.datasets", "data set", DatasetSpec, DATASETS)
