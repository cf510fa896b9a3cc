"""Every strategy keeps the contract that mtlray.testing states."""

from mtlray.strategies import (
    DWA,
    DWEMA,
    EMA,
    FAMO,
    IMTLL,
    LBTW,
    REMA,
    RLW,
    SLAW,
    STCH,
    UWSO,
    AbstractStrategy,
    AdaptiveWeight,
    Constant,
    Equal,
    GeometricMean,
    GradNorm,
    RevisedUncertainty,
    ScaleInvariant,
    SingleTask,
    SoftAdapt,
    STCHMultiTask,
    Uncertainty,
)
from mtlray.testing import StrategyConformance


class TestSingleTask(StrategyConformance):
    strategies = (SingleTask(task="left"), SingleTask(task="scale"))


class TestEqual(StrategyConformance):
    strategies = (Equal(),)


class TestConstant(StrategyConformance):
    strategies = (Constant((0.5, 1.0, 2.0)),)
    symmetric = False

    def test_one_task_alone_can_be_trained(self, strategy: AbstractStrategy) -> None:
        del strategy  # it has weights for three tasks
        super().test_one_task_alone_can_be_trained(Constant((2.0,)))


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


class TestInverseLoss(StrategyConformance):
    strategies = (IMTLL(), UWSO(), ScaleInvariant(), GeometricMean())


class TestMovingAverage(StrategyConformance):
    strategies = (EMA(), REMA(cadence="epoch"), DWEMA(renorm=True))


class TestAdaptiveWeight(StrategyConformance):
    strategies = (AdaptiveWeight(), AdaptiveWeight(form="softmax", cadence="epoch"))


class TestRLW(StrategyConformance):
    strategies = (RLW(),)
    symmetric = False  # the n-th draw is the n-th task's


class TestSoftAdapt(StrategyConformance):
    strategies = (SoftAdapt(variant="normalized"), SoftAdapt(variant="loss_weighted", cadence="epoch", n_losses=2))


class TestLBTW(StrategyConformance):
    strategies = (LBTW(),)


class TestSLAW(StrategyConformance):
    strategies = (SLAW(),)


class TestSTCH(StrategyConformance):
    strategies = (STCH(), STCHMultiTask(warmup_epochs=1))


class TestFAMO(StrategyConformance):
    strategies = (FAMO(),)


class TestGradNorm(StrategyConformance):
    strategies = (GradNorm(),)
