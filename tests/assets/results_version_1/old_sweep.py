"""The sweep whose results lie in this folder, computed under results_version 1."""

from mtlray import DWA, SGD, Equal, LeNet, MultiMNIST, SingleTask, SweepSpec, TrialSpec

SWEEP = SweepSpec(
    name="old",
    question="Do results of an earlier release stay readable?",
    base=TrialSpec(
        dataset=MultiMNIST(source="mnist5k", val_digits=200),
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.02, momentum=0.9),
        steps=40,
        batch_size=16,
        evaluate_every=20,
    ),
    strategies=(SingleTask(task="left"), SingleTask(task="right"), DWA()),
    fractions=(0.25,),
    seeds=range(2),
)
