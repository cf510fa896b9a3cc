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

IMAGE = TrialSpec(
    dataset=MultiMNIST(source="fashion+mnist", val_digits=10_000),
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.01, momentum=0.9),
    steps=20 * 391,
    batch_size=128,
    evaluate_every=391,
)
TEXT = TrialSpec(
    dataset=CLINC150(),
    model=TextEncoder(width=128),
    strategy=Equal(),
    optimizer=Adam(lr=3e-3),
    steps=20 * 118,
    batch_size=128,
    evaluate_every=118,
)


def of_data(trial: TrialSpec) -> TrialSpec | None:
    """Each data set with its own network and length, and single-task learning of its own tasks alone."""
    if isinstance(trial.strategy, SingleTask) and not trial.strategy.trains(trial.dataset.tasks):
        return None
    own = TEXT if trial.dataset == TEXT.dataset else IMAGE
    return dataclasses.replace(
        trial, model=own.model, optimizer=own.optimizer, steps=own.steps, evaluate_every=own.evaluate_every
    )


SWEEP = SweepSpec(
    name="huq2022",
    question="Do weights that grow with a task's difficulty beat dynamic weight average and uncertainty, on image and text?",
    base=TEXT,
    datasets=(IMAGE.dataset, TEXT.dataset),
    strategies=(
        *(SingleTask(task=task.name) for task in (*IMAGE.dataset.tasks, *TEXT.dataset.tasks)),
        Equal(),
        AdaptiveWeight(form="ratio"),
        AdaptiveWeight(form="ratio", cadence="epoch"),
        AdaptiveWeight(form="softmax"),
        AdaptiveWeight(form="softmax", cadence="epoch"),
        DWA(),
        Uncertainty(),
    ),
    seeds=range(5),
    rules=(of_data,),
    selection="best_val",
)
