"""What runs and where: TrialSpec (hashed in full), SweepSpec (a grid of trials), RunConfig (never hashed).

Names are loaded when they are first used: the command line reads RunConfig's fields, and should not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mtlray.specs.cells import Rule
    from mtlray.specs.kept import Kept
    from mtlray.specs.optimizer import SGD, Adagrad, Adam, AdamW, NAdam, OptimizerSpec, RMSprop, learning_rates
    from mtlray.specs.own_optimizer import OwnOptimizer
    from mtlray.specs.run_config import RunConfig
    from mtlray.specs.schedule import Cosine, MultiStep, Plateau, Schedule, Steps
    from mtlray.specs.sweep import SweepSpec, epochs_over_fraction
    from mtlray.specs.trial import TrialSpec

_FILES = {
    "cells": ("Rule",),
    "kept": ("Kept",),
    "optimizer": ("SGD", "Adagrad", "Adam", "AdamW", "NAdam", "OptimizerSpec", "RMSprop", "learning_rates"),
    "own_optimizer": ("OwnOptimizer",),
    "run_config": ("RunConfig",),
    "schedule": ("Cosine", "MultiStep", "Plateau", "Schedule", "Steps"),
    "sweep": ("SweepSpec", "epochs_over_fraction"),
    "trial": ("TrialSpec",),
}

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Cosine",
    "Kept",
    "MultiStep",
    "NAdam",
    "OptimizerSpec",
    "OwnOptimizer",
    "Plateau",
    "RMSprop",
    "Rule",
    "RunConfig",
    "Schedule",
    "Steps",
    "SweepSpec",
    "TrialSpec",
    "epochs_over_fraction",
    "learning_rates",
]


def __getattr__(name: str) -> Any:
    for file, names in _FILES.items():
        if name in names:
            return getattr(importlib.import_module(f"mtlray.specs.{file}"), name)
    raise AttributeError(f"module 'mtlray.specs' has no attribute {name!r}")
