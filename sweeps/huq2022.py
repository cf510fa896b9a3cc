"""Adaptive weight assignment (Huq and Pervin 2022) on image and text, beside the two methods that its abstract compares it with.

The abstract: more weight to more difficult tasks, on "image and textual data", compared with dynamic weight average and
uncertainty weights. Its text data set and its formula are not public (docs/strategies.md, "Reconstructions"), so that both forms
of `adaptive_weight` run, and both cadences. Images are as in the public code of the authors: CIFAR-100, upside down, jittered or
neither, WRN-28-10 with dropout, and its optimizer; there each task is trained by itself, so that the fine class beside
the other two is our choice, and so are 5,000 pictures held out to select by. The text is CLINC150. Nothing is comparable with the
paper's numbers but who wins. Fetch the data with `mtlray data prepare` cifar100 and clinc150. The images want a GPU; on a CPU,
`--where "dataset == 'clinc150'"` runs the text.
"""

import dataclasses

from mtlray import (
    CIFAR100,
    CLINC150,
    DWA,
    SGD,
    Adam,
    AdaptiveWeight,
    Equal,
    SingleTask,
    SweepSpec,
    TextEncoder,
    TrialSpec,
    Uncertainty,
    WideResNet,
)

IMAGE = TrialSpec(
    dataset=CIFAR100(task_names=("fine", "upside_down", "colour_jitter"), val_images=5000),
    model=WideResNet(28, 10, dropout=0.3),
    strategy=Equal(),
    optimizer=SGD(lr=0.001, momentum=0.9, weight_decay=5e-4),
    steps=100 * 450,
    batch_size=100,
    evaluate_every=450,
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
    fields = ("model", "optimizer", "steps", "batch_size", "evaluate_every")
    return dataclasses.replace(trial, **{name: getattr(own, name) for name in fields})


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
