"""What runs and where: TrialSpec (hashed in full), SweepSpec (a grid of trials), RunConfig (never hashed)."""

from mtlray.specs.optimizer import SGD, Adam, OptimizerSpec, learning_rates
from mtlray.specs.run_config import RunConfig
from mtlray.specs.sweep import Rule, SweepSpec, epochs_over_fraction
from mtlray.specs.trial import TrialSpec

__all__ = [
    "SGD",
    "Adam",
    "OptimizerSpec",
    "Rule",
    "RunConfig",
    "SweepSpec",
    "TrialSpec",
    "epochs_over_fraction",
    "learning_rates",
]
