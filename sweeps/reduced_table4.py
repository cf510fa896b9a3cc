"""The rows of Table 4 of Gong et al. 2019 in minutes on a CPU: 4,496 faces of UTKFace at 64x64, and a small VGG.

A check that the whole way works on real data, not a reproduction: other faces, whose ages and genders were estimated by a
network and checked by a person, a small network, flips left to right alone. Import the faces with
`mtlray data import utkface PATH --size 64`; `n_images` are the counts that it prints.
"""

from mtlray import (
    DWA,
    VGG,
    Adam,
    Equal,
    RevisedUncertainty,
    SingleTask,
    SweepSpec,
    TrialSpec,
    Uncertainty,
    UTKFace,
)

SWEEP = SweepSpec(
    name="reduced_table4",
    question="The rows of Table 4 of Gong et al. 2019 on UTKFace with a small VGG: does the whole way work on real images?",
    base=TrialSpec(
        dataset=UTKFace(image_size=64, flips="horizontal", val_images=400, n_images=(3596, 900)),
        model=VGG(preset="small"),
        strategy=Equal(),
        optimizer=Adam(lr=1e-3),
        steps=1200,
        batch_size=32,
        evaluate_every=200,
    ),
    strategies=(
        SingleTask(task="age"),
        SingleTask(task="gender"),
        Equal(),
        DWA(),
        Uncertainty(),
        RevisedUncertainty(),
    ),
    seeds=range(2),
)
