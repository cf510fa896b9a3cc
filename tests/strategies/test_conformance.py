"""Every strategy keeps the contract that mtlray.testing states."""

from mtlray.strategies import DWA, Equal, RevisedUncertainty, SingleTask, Uncertainty
from mtlray.testing import StrategyConformance


class TestSingleTask(StrategyConformance):
    strategies = (SingleTask(task="left"), SingleTask(task="scale"))


class TestEqual(StrategyConformance):
    strategies = (Equal(),)


class TestDWA(StrategyConformance):
    strategies = (DWA(), DWA(temperature=0.5), DWA(max_ratio=1.05))


class TestUncertainty(StrategyConformance):
    strategies = (
        Uncertainty(),
        Uncertainty(form="laplace", initial_log_variance=1.0),
        Uncertainty.preset("mtan"),
        Uncertainty(log_variance_limit=0.5),
    )


class TestRevisedUncertainty(StrategyConformance):
    strategies = (
        RevisedUncertainty(),
        RevisedUncertainty(parametrisation="log"),
        RevisedUncertainty(initial=0.5, floor=0.1),
    )
