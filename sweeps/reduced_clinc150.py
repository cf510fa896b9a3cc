"""Text with three tasks on a CPU: which strategies help on the sentences of CLINC150, against a network for each task?

Huq and Pervin 2022 say that their adaptive weights help on "image and textual data"; their text data set is not named in public.
Fetch this one with `mtlray data prepare clinc150`. All 39 trials take about
four minutes of CPU time.
"""

from mtlray import (
    CLINC150,
    DWA,
    EMA,
    IMTLL,
    Adam,
    AdaptiveWeight,
    CAGrad,
    Equal,
    PCGrad,
    RevisedUncertainty,
    SingleTask,
    SweepSpec,
    TextEncoder,
    TrialSpec,
    Uncertainty,
)

DATA = CLINC150()
SWEEP = SweepSpec(
    name="reduced_clinc150",
    question="Do strategies help on domain, intent and scope of sentences, against equal weights and a network for each task?",
    base=TrialSpec(
        dataset=DATA,
        model=TextEncoder(width=128),
        strategy=Equal(),
        optimizer=Adam(lr=3e-3),
        steps=1200,
        batch_size=128,
        evaluate_every=120,
    ),
    strategies=(
        *(SingleTask(task=task.name) for task in DATA.tasks),
        Equal(),
        DWA(),
        Uncertainty(),
        RevisedUncertainty(),
        IMTLL(),
        EMA(),
        AdaptiveWeight(form="ratio"),
        AdaptiveWeight(form="softmax"),
        PCGrad(),
        CAGrad(),
    ),
    seeds=range(3),
)
