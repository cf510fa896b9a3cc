"""mtlray: from a sweep file to a trustworthy mean±std table of loss weighting strategies for multi-task learning.

Importing this package imports neither torch nor ray; the names below are loaded when they are first used.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

# The names a sweep file needs, and where each one lives.
_EXPORTS = {
    "SweepSpec": "mtlray.specs",
    "TrialSpec": "mtlray.specs",
    "RunConfig": "mtlray.specs",
    "SGD": "mtlray.specs",
    "Adam": "mtlray.specs",
    "learning_rates": "mtlray.specs",
    "epochs_over_fraction": "mtlray.specs",
    "MultiMNIST": "mtlray.data",
    "NYUv2": "mtlray.data",
    "IMDBWiki": "mtlray.data",
    "UTKFace": "mtlray.data",
    "LeNet": "mtlray.models",
    "SegNet": "mtlray.models",
    "VGG": "mtlray.models",
    "State": "mtlray.strategies",
    "AbstractStrategy": "mtlray.strategies",
    "AbstractWeighting": "mtlray.strategies",
    "AbstractAggregation": "mtlray.strategies",
    "AbstractGramianWeighting": "mtlray.strategies",
    "AbstractSolverWeighting": "mtlray.strategies",
    "SingleTask": "mtlray.strategies",
    "Equal": "mtlray.strategies",
    "DWA": "mtlray.strategies",
    "Uncertainty": "mtlray.strategies",
    "RevisedUncertainty": "mtlray.strategies",
    "Constant": "mtlray.strategies",
    "IMTLL": "mtlray.strategies",
    "UWSO": "mtlray.strategies",
    "ScaleInvariant": "mtlray.strategies",
    "GeometricMean": "mtlray.strategies",
    "EMA": "mtlray.strategies",
    "REMA": "mtlray.strategies",
    "DWEMA": "mtlray.strategies",
    "AdaptiveWeight": "mtlray.strategies",
    "RLW": "mtlray.strategies",
    "SoftAdapt": "mtlray.strategies",
    "LBTW": "mtlray.strategies",
    "SLAW": "mtlray.strategies",
    "STCH": "mtlray.strategies",
    "STCHMultiTask": "mtlray.strategies",
    "FAMO": "mtlray.strategies",
    "GradNorm": "mtlray.strategies",
    "DTP": "mtlray.strategies",
    "ExcessMTL": "mtlray.strategies",
    "MoCo": "mtlray.strategies",
    "DBMTL": "mtlray.strategies",
    "SDMGrad": "mtlray.strategies",
    "MoDo": "mtlray.strategies",
    "MGDA": "mtlray.strategies",
    "MGDAUB": "mtlray.strategies",
    "PCGrad": "mtlray.strategies",
    "GradVac": "mtlray.strategies",
    "GradDrop": "mtlray.strategies",
    "CAGrad": "mtlray.strategies",
    "IMTLG": "mtlray.strategies",
    "NashMTL": "mtlray.strategies",
    "FairGrad": "mtlray.strategies",
    "AlignedMTL": "mtlray.strategies",
    "UPGrad": "mtlray.strategies",
    "ConFIG": "mtlray.strategies",
    "simplex_grid": "mtlray.strategies",
    "every_strategy": "mtlray.strategies.every",
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'mtlray' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
