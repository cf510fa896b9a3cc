"""Twelve tasks with missing labels on a CPU: which strategies help on the molecules of Tox21?

Molecules are read as characters, the first 60 of each, and split at random, so that values are not those of papers that split by
scaffold. Fetch them with `mtlray data prepare tox21`.
"""

from mtlray import (
    DWA,
    DWEMA,
    EMA,
    FAMO,
    IMTLG,
    IMTLL,
    MGDA,
    REMA,
    Adam,
    AdaptiveWeight,
    CAGrad,
    Equal,
    PCGrad,
    SingleTask,
    SweepSpec,
    TextEncoder,
    Tox21,
    TrialSpec,
    Uncertainty,
)

DATA = Tox21(val_molecules=800, max_length=60)
SWEEP = SweepSpec(
    name="reduced_tox21",
    question="Do strategies help on twelve assays with missing labels, against equal weights and a network for each task?",
    base=TrialSpec(
        dataset=DATA,
        model=TextEncoder(encoder="convolution", width=32),
        strategy=Equal(),
        optimizer=Adam(lr=3e-3),
        steps=400,
        batch_size=128,
        evaluate_every=50,
    ),
    strategies=(
        *(SingleTask(task=task.name) for task in DATA.tasks),
        Equal(),
        DWA(),
        Uncertainty(),
        IMTLL(),
        EMA(),
        REMA(),
        DWEMA(),
        AdaptiveWeight(),
        FAMO(),
        MGDA(),
        PCGrad(),
        CAGrad(),
        IMTLG(),
    ),
    seeds=range(3),
)
