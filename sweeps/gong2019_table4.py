"""Table 4 of Gong et al. 2019: age and gender on IMDB-WIKI.

Protocol of section III.D: VGG16 as the trunk, two convolutions and a fully connected layer for each task, flips in both
directions, 2,100 persons for testing. The paper states neither optimizer nor length; those below are ours. What else it leaves
open, and what was chosen, stands in docs/paper.md. The data is brought by you: `mtlray data list`. `n_images` are the paper's
counts; put those that `mtlray data import` prints in their place.
"""

from mtlray import (
    DWA,
    SGD,
    VGG,
    Equal,
    IMDBWiki,
    RevisedUncertainty,
    SingleTask,
    SweepSpec,
    TrialSpec,
    Uncertainty,
)

EPOCH = 2551  # batches of 64 of 163,202 pictures

SWEEP = SweepSpec(
    name="gong2019_table4",
    question="Table 4 of Gong et al. 2019: does any loss weighting beat single-task learning on age and gender?",
    base=TrialSpec(
        dataset=IMDBWiki(image_size=224, flips="both", n_images=(163_202, 31_670)),
        model=VGG(preset="16"),
        strategy=Equal(),
        optimizer=SGD(lr=1e-3, momentum=0.9, weight_decay=5e-4),
        steps=30 * EPOCH,
        batch_size=64,
        evaluate_every=EPOCH,
    ),
    strategies=(
        SingleTask(task="age"),
        SingleTask(task="gender"),
        Equal(),
        DWA(),
        Uncertainty(),
        RevisedUncertainty(),
    ),
    seeds=range(3),
    selection="last",
    published="gong2019:4",
)
