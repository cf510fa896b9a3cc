"""Adaptive weight assignment (Huq and Pervin 2022) on image and text, beside the two methods that its abstract compares it with.

The abstract: more weight to more difficult tasks, on "image and textual data", compared with dynamic weight average and
uncertainty weights. Its text data set and its formula are not public (docs/strategies.md, "Reconstructions"), so that both forms
of `adaptive_weight` run, and both cadences. The authors' code has images of CIFAR; the image here is a digit beside a garment,
and the text is CLINC150. Nothing is comparable with the paper's numbers but who wins. Fetch the data with `mtlray data prepare`
mnist, fashion_mnist and clinc150.
"""

import dataclasses

from mtlray import (
    CLINC150,
    DWA,
    SGD,
    Adam,
    AdaptiveWeight,
    Equal,
    LeNet,
    MultiMNIST,
    SingleTask,
    SweepSpec,
    TextEncoder,
    TrialSpec,
    Uncertainty,
)

IMAGE = MultiMNIST(source="fashion+mnist", val_digits=10_000)
TEXT = CLINC150()
OF_IMAGE = {"model": LeNet(), "optimizer": SGD(lr=0.01, momentum=0.9), "steps": 20 * 391, "evaluate_every": 391}
OF_TEXT = {"model": TextEncoder(width=128), "optimizer": Adam(lr=3e-3), "steps": 20 * 118, "evaluate_every": 118}


def of_data(trial: TrialSpec) -> TrialSpec | None:
    """Each data set with its own network and length, and single-task learning of its own tasks alone."""
    if isinstance(trial.strategy, SingleTask) and not trial.strategy.trains(trial.dataset.tasks):
        return None
    return dataclasses.replace(trial, **(OF_TEXT if trial.dataset == TEXT else OF_IMAGE))


SWEEP = SweepSpec(
    name="huq2022",
    question="Do weights that grow with a task's difficulty beat dynamic weight average and uncertainty, on image and text?",
    base=TrialSpec(
        dataset=TEXT,
        strategy=Equal(),
        batch_size=128,
        **OF_TEXT,
    ),
    datasets=(IMAGE, TEXT),
    strategies=(
        *(SingleTask(task=task.name) for task in (*IMAGE.tasks, *TEXT.tasks)),
        Equal(),
        *(AdaptiveWeight(form=form, cadence=c) for form in ("ratio", "softmax") for c in ("batch", "epoch")),
        DWA(),
        Uncertainty(),
    ),
    seeds=range(5),
    rules=(of_data,),
    selection="best_val",
)
