"""Every strategy keeps the contract that mtlray.testing states."""

import dataclasses

from mtlray.strategies import (
    DBMTL,
    DTP,
    DWA,
    DWEMA,
    EMA,
    FAMO,
    IGB,
    IMTL,
    IMTLG,
    IMTLL,
    LBTW,
    LDCMTL,
    MGDA,
    MGDAUB,
    NTKMTL,
    REMA,
    RLW,
    SLAW,
    STCH,
    UWSO,
    AbstractStrategy,
    AdaptiveWeight,
    AlignedMTL,
    CAGrad,
    ConFIG,
    Constant,
    DiBS,
    DualProj,
    Equal,
    ExcessMTL,
    FairGrad,
    GeometricMean,
    GO4Align,
    GradDrop,
    GradNorm,
    GradVac,
    MoCo,
    MoDo,
    NashMTL,
    PCGrad,
    RevisedUncertainty,
    ScaleInvariant,
    SDMGrad,
    SingleTask,
    SoftAdapt,
    STCHMultiTask,
    Uncertainty,
    UPGrad,
)
from mtlray.testing import TASKS, StrategyConformance


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


class TestDTP(StrategyConformance):
    strategies = (DTP(gamma=2.0, beta=0.5),)
    tasks = (*TASKS[:2], dataclasses.replace(TASKS[0], name="third"))  # the regression has no bounded metric


class TestStateOfTheTrunksSize(StrategyConformance):
    strategies = (
        ExcessMTL(step_size=1.0, warmup_steps=3),
        MoCo(rho=0.1),
        DBMTL(),
    )


class TestMoDo(StrategyConformance):
    strategies = (MoDo(gamma=0.5),)


class TestSDMGrad(StrategyConformance):
    strategies = (SDMGrad(),)
    tolerance = 1e-10  # its solver multiplies rounding errors at each of its iterations


class TestMGDA(StrategyConformance):
    strategies = (MGDA(), MGDA(normalisation="loss+", grad_scale="match_sum", head_grad="weighted"))
    tolerance = 1e-9


class TestMGDAUB(StrategyConformance):
    strategies = (MGDAUB(), MGDAUB(normalisation="loss+", grad_scale="match_sum", head_grad="weighted"))
    tolerance = 1e-9


class TestRandomOrder(StrategyConformance):
    strategies = (PCGrad(), GradVac())
    symmetric = False  # the n-th order is the n-th task's


class TestGradDrop(StrategyConformance):
    strategies = (GradDrop(leak=0.5),)


class TestCAGrad(StrategyConformance):
    strategies = (CAGrad(), CAGrad(c=2.0, rescale="one_plus_c_squared", head_grad="weighted"))
    tolerance = 1e-7  # a root is found to about ten digits


class TestGramian(StrategyConformance):
    strategies = (
        IMTLG(),
        AlignedMTL(),
        AlignedMTL(scale_mode="median", head_grad="weighted"),
        ConFIG(grad_scale="match_sum"),
    )
    tolerance = 1e-9


class TestBargaining(StrategyConformance):
    strategies = (NashMTL(), FairGrad(alpha=0.5, max_norm=3.0, head_grad="weighted"))
    tolerance = 1e-9


class TestUPGrad(StrategyConformance):
    strategies = (UPGrad(),)
    tolerance = 1e-9


class TestNewerLossBased(StrategyConformance):
    strategies = (IGB(base_epoch=1), GO4Align(), GO4Align(n_groups=3, step_size=0.1))


class TestLDCMTL(StrategyConformance):
    strategies = (LDCMTL(), LDCMTL(discrepancy=0.3, normalisation="none"))
    symmetric = False  # each task is compared with the next


class TestNewerGradientBased(StrategyConformance):
    strategies = (
        NTKMTL(),
        NTKMTL(exponent=1.0, max_norm=None, head_grad="weighted"),
        DiBS(),
        DiBS(n_steps=5, head_grad="weighted"),
        DualProj(),
        IMTL(),
        IMTL(grad_scale="match_sum", head_grad="weighted"),
    )
    tolerance = 1e-9
