"""mtlray: from a sweep file to a trustworthy mean±std table of loss weighting strategies for multi-task learning.

Importing this package imports neither torch nor ray; the names below are loaded when they are first used.
"""

import ast
import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

# What a sweep file or a plug-in needs. This is the only list: editors and mypy read it as imports, and `_homes` as text.
if TYPE_CHECKING:
    from mtlray.axes import TokenShape as TokenShape
    from mtlray.calls.loading import load as load
    from mtlray.calls.running import run as run
    from mtlray.calls.running import trial as trial
    from mtlray.calls.tables import table as table
    from mtlray.data import CIFAR100 as CIFAR100
    from mtlray.data import CLINC150 as CLINC150
    from mtlray.data import ArrayDataset as ArrayDataset
    from mtlray.data import CelebA as CelebA
    from mtlray.data import CIFAR100BySuperclass as CIFAR100BySuperclass
    from mtlray.data import Column as Column
    from mtlray.data import Dataset as Dataset
    from mtlray.data import DatasetSpec as DatasetSpec
    from mtlray.data import Examples as Examples
    from mtlray.data import IMDBWiki as IMDBWiki
    from mtlray.data import MultiMNIST as MultiMNIST
    from mtlray.data import NYUv2 as NYUv2
    from mtlray.data import TorchDataset as TorchDataset
    from mtlray.data import Tox21 as Tox21
    from mtlray.data import UTKFace as UTKFace
    from mtlray.data import Yeast as Yeast
    from mtlray.data.base import SplitName as SplitName
    from mtlray.data.files import prepared as prepared
    from mtlray.data.holdout import held_out as held_out
    from mtlray.data.holdout import three_splits as three_splits
    from mtlray.errors import DataError as DataError
    from mtlray.errors import LaunchError as LaunchError
    from mtlray.errors import MtlrayError as MtlrayError
    from mtlray.errors import ResultsError as ResultsError
    from mtlray.errors import SpecError as SpecError
    from mtlray.errors import StoreError as StoreError
    from mtlray.errors import StrategyError as StrategyError
    from mtlray.models import MLP as MLP
    from mtlray.models import MTAN as MTAN
    from mtlray.models import VGG as VGG
    from mtlray.models import Backbone as Backbone
    from mtlray.models import LeNet as LeNet
    from mtlray.models import ModelSpec as ModelSpec
    from mtlray.models import Network as Network
    from mtlray.models import NineLayerCNN as NineLayerCNN
    from mtlray.models import ResNet as ResNet
    from mtlray.models import SegNet as SegNet
    from mtlray.models import SharedTrunk as SharedTrunk
    from mtlray.models import StagedTrunk as StagedTrunk
    from mtlray.models import TextEncoder as TextEncoder
    from mtlray.models import WideResNet as WideResNet
    from mtlray.specs import SGD as SGD
    from mtlray.specs import Adagrad as Adagrad
    from mtlray.specs import Adam as Adam
    from mtlray.specs import AdamW as AdamW
    from mtlray.specs import Cosine as Cosine
    from mtlray.specs import Kept as Kept
    from mtlray.specs import MultiStep as MultiStep
    from mtlray.specs import NAdam as NAdam
    from mtlray.specs import OptimizerSpec as OptimizerSpec
    from mtlray.specs import OwnOptimizer as OwnOptimizer
    from mtlray.specs import Plateau as Plateau
    from mtlray.specs import RMSprop as RMSprop
    from mtlray.specs import Rule as Rule
    from mtlray.specs import RunConfig as RunConfig
    from mtlray.specs import Schedule as Schedule
    from mtlray.specs import Steps as Steps
    from mtlray.specs import SweepSpec as SweepSpec
    from mtlray.specs import TrialSpec as TrialSpec
    from mtlray.specs import epochs_over_fraction as epochs_over_fraction
    from mtlray.specs import learning_rates as learning_rates
    from mtlray.strategies import DBMTL as DBMTL
    from mtlray.strategies import DTP as DTP
    from mtlray.strategies import DWA as DWA
    from mtlray.strategies import DWEMA as DWEMA
    from mtlray.strategies import EMA as EMA
    from mtlray.strategies import FAMO as FAMO
    from mtlray.strategies import IGB as IGB
    from mtlray.strategies import IMTL as IMTL
    from mtlray.strategies import IMTLG as IMTLG
    from mtlray.strategies import IMTLL as IMTLL
    from mtlray.strategies import LBTW as LBTW
    from mtlray.strategies import LDCMTL as LDCMTL
    from mtlray.strategies import MGDA as MGDA
    from mtlray.strategies import MGDAUB as MGDAUB
    from mtlray.strategies import NTKMTL as NTKMTL
    from mtlray.strategies import REMA as REMA
    from mtlray.strategies import RLW as RLW
    from mtlray.strategies import SLAW as SLAW
    from mtlray.strategies import STCH as STCH
    from mtlray.strategies import UWSO as UWSO
    from mtlray.strategies import AbstractAggregation as AbstractAggregation
    from mtlray.strategies import AbstractGradientBased as AbstractGradientBased
    from mtlray.strategies import AbstractGramianWeighting as AbstractGramianWeighting
    from mtlray.strategies import AbstractSolverWeighting as AbstractSolverWeighting
    from mtlray.strategies import AbstractStrategy as AbstractStrategy
    from mtlray.strategies import AbstractWeighting as AbstractWeighting
    from mtlray.strategies import AbstractWrapper as AbstractWrapper
    from mtlray.strategies import AdaptiveWeight as AdaptiveWeight
    from mtlray.strategies import AlignedMTL as AlignedMTL
    from mtlray.strategies import ByTask as ByTask
    from mtlray.strategies import CAGrad as CAGrad
    from mtlray.strategies import ConFIG as ConFIG
    from mtlray.strategies import Constant as Constant
    from mtlray.strategies import DiBS as DiBS
    from mtlray.strategies import DualProj as DualProj
    from mtlray.strategies import Equal as Equal
    from mtlray.strategies import ExcessMTL as ExcessMTL
    from mtlray.strategies import FairGrad as FairGrad
    from mtlray.strategies import GeometricMean as GeometricMean
    from mtlray.strategies import GO4Align as GO4Align
    from mtlray.strategies import GradDrop as GradDrop
    from mtlray.strategies import GradNorm as GradNorm
    from mtlray.strategies import GradVac as GradVac
    from mtlray.strategies import LogLosses as LogLosses
    from mtlray.strategies import MoCo as MoCo
    from mtlray.strategies import MoDo as MoDo
    from mtlray.strategies import NashMTL as NashMTL
    from mtlray.strategies import PCGrad as PCGrad
    from mtlray.strategies import PeriodicWeights as PeriodicWeights
    from mtlray.strategies import RevisedUncertainty as RevisedUncertainty
    from mtlray.strategies import ScaleInvariant as ScaleInvariant
    from mtlray.strategies import SDMGrad as SDMGrad
    from mtlray.strategies import SingleTask as SingleTask
    from mtlray.strategies import SoftAdapt as SoftAdapt
    from mtlray.strategies import State as State
    from mtlray.strategies import STCHMultiTask as STCHMultiTask
    from mtlray.strategies import Uncertainty as Uncertainty
    from mtlray.strategies import UPGrad as UPGrad
    from mtlray.strategies import WeightMomentum as WeightMomentum
    from mtlray.strategies import simplex_grid as simplex_grid
    from mtlray.strategies.every import every_strategy as every_strategy
    from mtlray.strategies.trying import try_out as try_out
    from mtlray.tasks.kinds import binary as binary
    from mtlray.tasks.kinds import classification as classification
    from mtlray.tasks.kinds import regression as regression
    from mtlray.tasks.losses import age_error as age_error
    from mtlray.tasks.losses import cross_entropy as cross_entropy
    from mtlray.tasks.losses import depth_error as depth_error
    from mtlray.tasks.losses import normal_error as normal_error
    from mtlray.tasks.losses import pixel_cross_entropy as pixel_cross_entropy
    from mtlray.tasks.losses import squared_error as squared_error
    from mtlray.tasks.metrics import Accuracy as Accuracy
    from mtlray.tasks.metrics import AngleMean as AngleMean
    from mtlray.tasks.metrics import AngleMeanLegacy as AngleMeanLegacy
    from mtlray.tasks.metrics import AngleMedian as AngleMedian
    from mtlray.tasks.metrics import AngleMedianLegacy as AngleMedianLegacy
    from mtlray.tasks.metrics import DepthError as DepthError
    from mtlray.tasks.metrics import DepthErrorLegacy as DepthErrorLegacy
    from mtlray.tasks.metrics import MeanAgeError as MeanAgeError
    from mtlray.tasks.metrics import MeanIoU as MeanIoU
    from mtlray.tasks.metrics import MeanIoULegacy as MeanIoULegacy
    from mtlray.tasks.metrics import MeanSquaredError as MeanSquaredError
    from mtlray.tasks.metrics import MedianAgeError as MedianAgeError
    from mtlray.tasks.metrics import Metric as Metric
    from mtlray.tasks.metrics import PixelAccuracy as PixelAccuracy
    from mtlray.tasks.metrics import PixelAccuracyLegacy as PixelAccuracyLegacy
    from mtlray.tasks.metrics import RelativeDepthError as RelativeDepthError
    from mtlray.tasks.metrics import RelativeDepthErrorLegacy as RelativeDepthErrorLegacy
    from mtlray.tasks.metrics import TotalsMetric as TotalsMetric
    from mtlray.tasks.metrics import Within11 as Within11
    from mtlray.tasks.metrics import Within11Legacy as Within11Legacy
    from mtlray.tasks.metrics import Within22 as Within22
    from mtlray.tasks.metrics import Within22Legacy as Within22Legacy
    from mtlray.tasks.metrics import Within30 as Within30
    from mtlray.tasks.metrics import Within30Legacy as Within30Legacy
    from mtlray.tasks.metrics.classes import BalancedAccuracy as BalancedAccuracy
    from mtlray.tasks.metrics.classes import MacroF1 as MacroF1
    from mtlray.tasks.metrics.numbers import R2 as R2
    from mtlray.tasks.metrics.numbers import MeanAbsoluteError as MeanAbsoluteError
    from mtlray.tasks.metrics.numbers import RootMeanSquaredError as RootMeanSquaredError
    from mtlray.tasks.metrics.own import OwnMetric as OwnMetric
    from mtlray.tasks.metrics.yes_or_no import ROCAUC as ROCAUC
    from mtlray.tasks.metrics.yes_or_no import AveragePrecision as AveragePrecision
    from mtlray.tasks.metrics.yes_or_no import BinaryAccuracy as BinaryAccuracy
    from mtlray.tasks.metrics.yes_or_no import BinaryBalancedAccuracy as BinaryBalancedAccuracy
    from mtlray.tasks.metrics.yes_or_no import BinaryF1 as BinaryF1
    from mtlray.tasks.task import Task as Task
    from mtlray.tasks.task_losses import TaskLosses as TaskLosses
    from mtlray.training.weighing import BatchLosses as BatchLosses
    from mtlray.training.weighing import TaskParameters as TaskParameters
    from mtlray.training.weighing import Weighing as Weighing
    from mtlray.training.weighing import begin_weighing as begin_weighing
    from mtlray.training.weighing import end_epoch as end_epoch
    from mtlray.training.weighing import weigh as weigh


def _homes(source: str) -> dict[str, str]:
    """The module of each name that the `if TYPE_CHECKING` block of a source imports."""
    blocks = [
        node.body
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    imports = [node for block in blocks for node in block if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


# Hidden from type checkers: there, a module's `__getattr__` makes every misspelt name Any.
if not TYPE_CHECKING:
    _HOMES = _homes(__loader__.get_source(__name__))
    __all__ = ["__version__", *_HOMES]

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'mtlray' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted(__all__)
