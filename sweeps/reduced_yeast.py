"""Fourteen tasks in minutes on a CPU: which strategies help on the genes of Yeast, against a network for each task?

The EMA weightings of Lakkapragada et al. 2023 were tested on many tasks of a yes or no each; this is a small data set of that
kind. Fetch it with `mtlray data prepare yeast`. All 81 trials take about three minutes of CPU time.
"""

from mtlray import (
    DWA,
    DWEMA,
    EMA,
    FAMO,
    IMTLG,
    IMTLL,
    MGDA,
    MLP,
    REMA,
    Adam,
    AdaptiveWeight,
    CAGrad,
    Equal,
    PCGrad,
    SingleTask,
    SweepSpec,
    TrialSpec,
    Uncertainty,
    Yeast,
)

DATA = Yeast(val_genes=300)
SWEEP = SweepSpec(
    name="reduced_yeast",
    question="Do strategies help on fourteen tasks of a yes or no, against equal weights and a network for each task?",
    base=TrialSpec(
        dataset=DATA,
        model=MLP(widths=(64, 64)),
        strategy=Equal(),
        optimizer=Adam(lr=1e-3),
        steps=600,
        batch_size=100,
        evaluate_every=60,
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
