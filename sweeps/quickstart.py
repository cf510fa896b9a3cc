"""Two minutes on a laptop: Table 1 of Gong et al. 2019 in small, on 5,000 real MNIST digits that need no download.

Batches are a quarter of the paper's and the learning rate is four times the paper's, because the trials see 940 times fewer
examples; nothing here is comparable with the paper's numbers but the shape of the table. 500 of the 4,000 training digits
are held out to select the evaluation.
"""

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

SWEEP = SweepSpec(
    name="quickstart",
    question="Does any loss weighting beat single-task learning on small Multi-MNIST?",
    base=TrialSpec(
        dataset=MultiMNIST(source="mnist5k", val_digits=500),
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.02, momentum=0.9),
        steps=400,
        batch_size=32,
        evaluate_every=50,
    ),
    strategies=(
        SingleTask(task="left"),
        SingleTask(task="right"),
        Equal(),
        DWA(),
        Uncertainty(),
        RevisedUncertainty(),
    ),
    fractions=(1.0, 0.25),
    seeds=range(3),
)
