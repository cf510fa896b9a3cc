"""Loss weighting strategies, one method a file. STRATEGIES lists them, WRAPPERS what goes around them."""

from mtlray.strategies.adaptive_weight import AdaptiveWeight
from mtlray.strategies.aligned_mtl import AlignedMTL
from mtlray.strategies.base import (
    AbstractAggregation,
    AbstractGradientBased,
    AbstractStrategy,
    AbstractWeighting,
    ByTask,
    State,
)
from mtlray.strategies.cagrad import CAGrad
from mtlray.strategies.config import ConFIG
from mtlray.strategies.constant import Constant, simplex_grid
from mtlray.strategies.db_mtl import DBMTL
from mtlray.strategies.dibs import DiBS
from mtlray.strategies.dtp import DTP
from mtlray.strategies.dualproj import DualProj
from mtlray.strategies.dwa import DWA
from mtlray.strategies.dwema import DWEMA
from mtlray.strategies.ema import EMA
from mtlray.strategies.equal import Equal
from mtlray.strategies.excess_mtl import ExcessMTL
from mtlray.strategies.fairgrad import FairGrad
from mtlray.strategies.famo import FAMO
from mtlray.strategies.geometric_mean import GeometricMean
from mtlray.strategies.go4align import GO4Align
from mtlray.strategies.graddrop import GradDrop
from mtlray.strategies.gradnorm import GradNorm
from mtlray.strategies.gradvac import GradVac
from mtlray.strategies.gramian import AbstractGramianWeighting, AbstractSolverWeighting
from mtlray.strategies.igb import IGB
from mtlray.strategies.imtl import IMTL
from mtlray.strategies.imtl_g import IMTLG
from mtlray.strategies.imtl_l import IMTLL
from mtlray.strategies.lbtw import LBTW
from mtlray.strategies.ldc_mtl import LDCMTL
from mtlray.strategies.log_losses import LogLosses
from mtlray.strategies.mgda import MGDA
from mtlray.strategies.mgda_ub import MGDAUB
from mtlray.strategies.moco import MoCo
from mtlray.strategies.modo import MoDo
from mtlray.strategies.nash_mtl import NashMTL
from mtlray.strategies.ntkmtl import NTKMTL
from mtlray.strategies.pcgrad import PCGrad
from mtlray.strategies.periodic_weights import PeriodicWeights
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
from mtlray.strategies.upgrad import UPGrad
from mtlray.strategies.uw_so import UWSO
from mtlray.strategies.weight_momentum import WeightMomentum
from mtlray.strategies.wrapping import AbstractWrapper

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
    IGB,
    GO4Align,
    LDCMTL,
    DTP,
    GradNorm,
    ExcessMTL,
    MoCo,
    DBMTL,
    SDMGrad,
    MoDo,
    MGDA,
    MGDAUB,
    PCGrad,
    GradVac,
    GradDrop,
    CAGrad,
    IMTLG,
    IMTL,
    NTKMTL,
    DiBS,
    NashMTL,
    FairGrad,
    AlignedMTL,
    UPGrad,
    DualProj,
    ConFIG,
)

WRAPPERS: tuple[type[AbstractWrapper], ...] = (WeightMomentum, PeriodicWeights, LogLosses)
"""What goes around any of them."""

__all__ = [
    "DBMTL",
    "DTP",
    "DWA",
    "DWEMA",
    "EMA",
    "FAMO",
    "IGB",
    "IMTL",
    "IMTLG",
    "IMTLL",
    "LBTW",
    "LDCMTL",
    "MGDA",
    "MGDAUB",
    "NTKMTL",
    "REMA",
    "RLW",
    "SLAW",
    "STCH",
    "STRATEGIES",
    "UWSO",
    "WRAPPERS",
    "AbstractAggregation",
    "AbstractGradientBased",
    "AbstractGramianWeighting",
    "AbstractSolverWeighting",
    "AbstractStrategy",
    "AbstractWeighting",
    "AbstractWrapper",
    "AdaptiveWeight",
    "AlignedMTL",
    "ByTask",
    "CAGrad",
    "ConFIG",
    "Constant",
    "DiBS",
    "DualProj",
    "Equal",
    "ExcessMTL",
    "FairGrad",
    "GO4Align",
    "GeometricMean",
    "GradDrop",
    "GradNorm",
    "GradVac",
    "LogLosses",
    "MoCo",
    "MoDo",
    "NashMTL",
    "PCGrad",
    "PeriodicWeights",
    "RevisedUncertainty",
    "SDMGrad",
    "STCHMultiTask",
    "ScaleInvariant",
    "SingleTask",
    "SoftAdapt",
    "State",
    "UPGrad",
    "Uncertainty",
    "WeightMomentum",
    "simplex_grid",
]
