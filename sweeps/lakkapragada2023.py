"""The moving-average weightings of Lakkapragada et al. 2023 (AAAI student abstract, arXiv 2211.12999) on many tasks: CelebA.

Public are the abstract and a third party's summary: three data sets, of which CelebA has 40 tasks behind a ResNet-18, losses
divided by their moving average, and a `beta` that differs between data sets. So each strategy of the family runs at three of
them. AffWild2 and AffectNet are given to applicants alone and are not here. What is not stated (optimizer, batches, length) is
that of FAMO's experiment on CelebA, whose network is another one: `--against xu2025` shows those numbers beside ours. Import the
pictures with `mtlray data import celeba PATH`; it is a sweep for GPUs.
"""

from mtlray import (
    DWA,
    DWEMA,
    EMA,
    REMA,
    Adam,
    CelebA,
    Equal,
    ResNet,
    SingleTask,
    SweepSpec,
    TrialSpec,
    Uncertainty,
)

DATA = CelebA()
EPOCH = 636  # batches of 256 of 162,770 pictures

SWEEP = SweepSpec(
    name="lakkapragada2023",
    question="Do losses divided by their moving averages beat equal weights and single-task learning on forty tasks?",
    base=TrialSpec(
        dataset=DATA,
        model=ResNet(depth=18),
        strategy=Equal(),
        optimizer=Adam(lr=3e-4),
        steps=15 * EPOCH,
        batch_size=256,
        evaluate_every=EPOCH,
    ),
    strategies=(
        *(SingleTask(task=task.name) for task in DATA.tasks),
        Equal(),
        DWA(),
        Uncertainty(),
        *(family(beta=beta) for family in (EMA, REMA, DWEMA) for beta in (0.5, 0.9, 0.99)),
    ),
    seeds=range(3),
    selection="best_val",
    published="xu2025:celeba",
)
