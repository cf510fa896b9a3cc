"""Table 1 of Gong et al. 2019: two digit classifiers on Multi-MNIST, all data and a quarter of it, ten seeds.

Protocol of section III.A: LeNet, SGD with learning rate 0.005 and momentum 0.9, batches of 128, 200 epochs of 60,000 pairs,
and the epochs doubled whenever the data is halved, which is one budget of 93,800 steps. The best accuracy on the test split
during training is reported. What the paper leaves open, and what was chosen, stands in docs/paper.md.
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
    name="gong2019_table1",
    question="Table 1 of Gong et al. 2019: does any loss weighting beat single-task learning on two digit classifiers?",
    base=TrialSpec(
        dataset=MultiMNIST(source="mnist", layout="sener", task_names=("left", "right")),
        model=LeNet(preset="A"),
        strategy=Equal(),
        optimizer=SGD(lr=0.005, momentum=0.9),
        steps=200 * 469,
        batch_size=128,
        evaluate_every=469,
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
    seeds=range(10),
    selection="best_test",
    published="gong2019:1",
)
