"""The rows of Table 3 of Gong et al. 2019 in minutes on a CPU: all 795 + 654 images of NYUv2 at 36x48, and a small SegNet.

A check that the whole way works on real data, not a reproduction: the images come from a zip of JPEG files with 8-bit depth,
normals are computed from that depth, the network is 180 times smaller, and training is a fraction, with scaled, cropped and
flipped images, without which so few pixels are learned by heart. Import the zip with
`mtlray data import nyuv2 PATH`.
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

SWEEP = SweepSpec(
    name="reduced_table3",
    question="The rows of Table 3 of Gong et al. 2019 at 36x48 with a small SegNet: does the whole way work on real images?",
    base=TrialSpec(
        dataset=NYUv2(source="288-jpeg-depth8", downscale=8, val_images=80, augment_training=True),
        model=SegNet(preset="tiny"),
        strategy=Equal(),
        optimizer=Adam(lr=1e-3, halve_every=1000),
        steps=3000,
        batch_size=8,
        evaluate_every=500,
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
    seeds=range(2),
)
