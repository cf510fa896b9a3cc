"""Table 2 of Gong et al. 2019: a digit classifier beside the reconstruction of the other digit, 100, 25 and 10 % of the data.

Protocol of section III.B: as Table 1, with learning rate 0.001. The paper reports the left head's accuracy only, so there is
one single-task row. What the paper leaves open, and what was chosen, stands in docs/paper.md.
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
    name="gong2019_table2",
    question="Table 2 of Gong et al. 2019: does reconstructing the right digit help to classify the left one?",
    base=TrialSpec(
        dataset=MultiMNIST(source="mnist", layout="sener", task_names=("left", "reconstruct")),
        model=LeNet(preset="A"),
        strategy=Equal(),
        optimizer=SGD(lr=0.001, momentum=0.9),
        steps=200 * 469,
        batch_size=128,
        evaluate_every=469,
    ),
    strategies=(SingleTask(task="left"), Equal(), DWA(), Uncertainty(), RevisedUncertainty()),
    fractions=(1.0, 0.25, 0.1),
    seeds=range(10),
    selection="best_test",
    embed_at=(469, 100 * 469, 200 * 469),  # Figure 1: after epochs 1, 100 and 200
    published="gong2019:2",
)
