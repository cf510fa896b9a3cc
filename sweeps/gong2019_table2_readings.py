"""Table 2 of Gong et al. 2019, calibrated: nine readings of what the paper leaves open, at a twentieth of its training.

Four factors with three levels each in an orthogonal array of nine rows (Taguchi's L9), so that the effect of each level can be
estimated from three readings: how the squared error is reduced, which image is the target, the decoder's output, and how the
uncertainties start and learn. docs/paper.md has the rule by which a reading is chosen, and
`python benchmarks/paper/agreement.py` computes the score.
"""

import dataclasses
from typing import Literal, NamedTuple

from mtlray import (
    DWA,
    SGD,
    Equal,
    LeNet,
    MultiMNIST,
    RevisedUncertainty,
    SingleTask,
    SweepSpec,
    TrialSpec,
    Uncertainty,
)

# How both uncertainty weightings start and learn. 0.78 is exp(-0.25): the same variance as a logarithm of -0.5, with which the
# code starts that the paper's authors built upon.
FROM_ONE = (Uncertainty(), RevisedUncertainty())
FROM_BELOW = (Uncertainty(initial_log_variance=-0.5), RevisedUncertainty(initial=0.78))
AS_THE_MODEL, FASTER = None, 0.01  # the uncertainties' learning rate; the model's is 0.001

# The sum over the pixels instead of their mean: 36 x 36 of the canvas, 28 x 28 of the digit alone.
CANVAS, DIGIT = 1296.0, 784.0


class Reading(NamedTuple):
    """What is read into the paper: `scale` of the mean squared error, and `learned`, the two uncertainty weightings at `rate`."""

    scale: float
    target: Literal["placed", "centred", "picture"]
    output: Literal["sigmoid", "linear"]
    learned: tuple[Uncertainty, RevisedUncertainty]
    rate: float | None


READINGS = (
    Reading(1.0, "placed", "sigmoid", FROM_ONE, AS_THE_MODEL),  # the one of gong2019_table2.py
    Reading(1.0, "centred", "linear", FROM_BELOW, AS_THE_MODEL),
    Reading(1.0, "picture", "sigmoid", FROM_ONE, FASTER),
    Reading(30.0, "placed", "linear", FROM_ONE, FASTER),
    Reading(30.0, "centred", "sigmoid", FROM_ONE, AS_THE_MODEL),
    Reading(30.0, "picture", "sigmoid", FROM_BELOW, AS_THE_MODEL),
    Reading(CANVAS, "placed", "sigmoid", FROM_BELOW, AS_THE_MODEL),
    Reading(DIGIT, "centred", "sigmoid", FROM_ONE, FASTER),
    Reading(CANVAS, "picture", "linear", FROM_ONE, AS_THE_MODEL),
)

_DATASETS = tuple(
    MultiMNIST(
        task_names=("left", "reconstruct"),
        reconstruction_scale=reading.scale,
        reconstruction_target=reading.target,
    )
    for reading in READINGS
)
_READING = {dataset.label: reading for dataset, reading in zip(_DATASETS, READINGS, strict=True)}
_SINGLE = SingleTask(task="left")


def of_its_reading(trial: TrialSpec) -> TrialSpec | None:
    """The trial with its reading's decoder and uncertainties. Single-task learning is the same in all, and runs once."""
    reading = _READING[trial.dataset.label]
    if trial.strategy == _SINGLE:
        return trial if trial.dataset == _DATASETS[0] else None
    learned = trial.strategy in (*FROM_ONE, *FROM_BELOW)
    if learned and trial.strategy not in reading.learned:
        return None
    if trial.strategy == DWA() and trial.fraction != 1:  # of which the paper's text says nothing there
        return None
    optimizer = dataclasses.replace(trial.optimizer, strategy_lr=reading.rate) if learned else trial.optimizer
    return dataclasses.replace(trial, model=LeNet(decoder_output=reading.output), optimizer=optimizer)


SWEEP = SweepSpec(
    name="gong2019_table2_readings",
    question="Under which reading of Table 2 of Gong et al. 2019 do its rows behave as the paper's text says?",
    base=TrialSpec(
        dataset=_DATASETS[0],
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.001, momentum=0.9),
        steps=10 * 469,
        evaluate_every=235,  # twenty evaluations: the last ten are the second half
    ),
    datasets=_DATASETS,
    strategies=(_SINGLE, Equal(), DWA(), *FROM_ONE, *FROM_BELOW),
    fractions=(1.0, 0.1),
    seeds=range(2),
    rules=(of_its_reading,),
    selection="mean_last_10",
    published="gong2019:2",
)
