"""Loss weighting strategies, one method a file. STRATEGIES lists them."""

from mtlray.strategies.adaptive_weight import AdaptiveWeight
from mtlray.strategies.base import (
    AbstractAggregation,
    AbstractGradientBased,
    AbstractStrategy,
    AbstractWeighting,
    State,
)
from mtlray.strategies.constant import Constant, simplex_grid
from mtlray.strategies.db_mtl import DBMTL
from mtlray.strategies.dtp import DTP
from mtlray.strategies.dwa import DWA
from mtlray.strategies.dwema import DWEMA
from mtlray.strategies.ema import EMA
from mtlray.strategies.equal import Equal
from mtlray.strategies.excess_mtl import ExcessMTL
from mtlray.strategies.famo import FAMO
from mtlray.strategies.geometric_mean import GeometricMean
from mtlray.strategies.gradnorm import GradNorm
from mtlray.strategies.gramian import AbstractGramianWeighting, AbstractSolverWeighting
from mtlray.strategies.imtl_l import IMTLL
from mtlray.strategies.lbtw import LBTW
from mtlray.strategies.moco import MoCo
from mtlray.strategies.modo import MoDo
from mtlray.strategies.rema import REMA
from mtlray.strategies.revised_uncertainty import RevisedUncertainty
from mtlray.strategies.rlw import RLW
from mtlray.strategies.scale_invariant import ScaleInvariant
from mtlray.strategies.sdmgrad import SDMGrad
from mtlray.strategies.single_task import SingleTask
from mtlray.strategies.slaw import SLAW
from mtlray.strategies.softadapt import SoftAdapt
from mtlray.strategies.stch import STCH
from mtlray.strategies.stch_mtl import STCHMultiTask
from mtlray.strategies.uncertainty import Uncertainty
from mtlray.strategies.uw_so import UWSO

STRATEGIES: tuple[type[AbstractStrategy], ...] = (
    SingleTask,
    Equal,
    Constant,
    DWA,
    Uncertainty,
    RevisedUncertainty,
    IMTLL,
    UWSO,
    ScaleInvariant,
    GeometricMean,
    EMA,
    REMA,
    DWEMA,
    AdaptiveWeight,
    RLW,
    SoftAdapt,
    LBTW,
    SLAW,
    STCH,
    STCHMultiTask,
    FAMO,
    DTP,
    GradNorm,
    ExcessMTL,
    MoCo,
    DBMTL,
    SDMGrad,
    MoDo,
)

__all__ = [
    "DBMTL",
    "DTP",
    "DWA",
    "DWEMA",
    "EMA",
    "FAMO",
    "IMTLL",
    "LBTW",
    "REMA",
    "RLW",
    "SLAW",
    "STCH",
    "STRATEGIES",
    "UWSO",
    "AbstractAggregation",
    "AbstractGradientBased",
    "AbstractGramianWeighting",
    "AbstractSolverWeighting",
    "AbstractStrategy",
    "AbstractWeighting",
    "AdaptiveWeight",
    "Constant",
    "Equal",
    "ExcessMTL",
    "GeometricMean",
    "GradNorm",
    "MoCo",
    "MoDo",
    "RevisedUncertainty",
    "SDMGrad",
    "STCHMultiTask",
    "ScaleInvariant",
    "SingleTask",
    "SoftAdapt",
    "State",
    "Uncertainty",
    "simplex_grid",
]
