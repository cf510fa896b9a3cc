"""The contracts of strategies, models and data sets, as tests to inherit for pytest. Nothing else in mtlray imports them."""

from mtlray.testing.datasets import DatasetConformance
from mtlray.testing.models import ModelConformance
from mtlray.testing.probes import TASKS
from mtlray.testing.strategies import StrategyConformance

__all__ = ["TASKS", "DatasetConformance", "ModelConformance", "StrategyConformance"]
