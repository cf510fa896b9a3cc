"""Table 3 of Gong et al. 2019: segmentation, depth and surface normals on NYUv2.

Protocol of sections II.C and III.D and of the code it builds on (mtan, Liu et al. 2019, as it stood then): SegNet split at
its last two convolutions, Adam with learning rate 0.0001, halved after 100 of 200 epochs, batches of 2, no augmentation,
the normals' loss masked by depth. The columns that end in `_legacy` are computed as that code did. What the paper leaves
open, and what was chosen, stands in docs/paper.md. The data is brought by you: `mtlray data list`.
"""

from mtlray import (
    DWA,
    Adam,
    Equal,
    NYUv2,
    RevisedUncertainty,
    SegNet,
    SingleTask,
    SweepSpec,
    TrialSpec,
    Uncertainty,
)

EPOCH = 398  # batches of 2, the last of one image

SWEEP = SweepSpec(
    name="gong2019_table3",
    question="Table 3 of Gong et al. 2019: does any loss weighting beat single-task learning on segmentation, depth and normals?",
    base=TrialSpec(
        dataset=NYUv2(source="mtan", mask="legacy2019"),
        model=SegNet(preset="split"),
        strategy=Equal(),
        optimizer=Adam(lr=1e-4, halve_every=100 * EPOCH),
        steps=200 * EPOCH,
        batch_size=2,
        evaluate_every=EPOCH,
    ),
    strategies=(
        SingleTask(task="segmentation"),
        SingleTask(task="depth"),
        SingleTask(task="normals"),
        Equal(),
        DWA(),
        Uncertainty(),
        RevisedUncertainty(),
    ),
    seeds=range(10),
    selection="mean_last_10",
    published="gong2019:3",
)
