"""Loss weighting strategies, one method a file. STRATEGIES lists them."""

from mtlray.strategies.base import AbstractAggregation, AbstractStrategy, AbstractWeighting, State
from mtlray.strategies.dwa import DWA
from mtlray.strategies.equal import Equal
from mtlray.strategies.revised_uncertainty import RevisedUncertainty
from mtlray.strategies.single_task import SingleTask
from mtlray.strategies.uncertainty import Uncertainty

STRATEGIES: tuple[type[AbstractStrategy], ...] = (SingleTask, Equal, DWA, Uncertainty, RevisedUncertainty)

__all__ = [
    "DWA",
    "STRATEGIES",
    "AbstractAggregation",
    "AbstractStrategy",
    "AbstractWeighting",
    "Equal",
    "RevisedUncertainty",
    "SingleTask",
    "State",
    "Uncertainty",
]
