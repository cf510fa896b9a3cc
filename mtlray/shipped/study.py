"""What does this study ask? The first line of this docstring is for whoever reads the file in a year.

    mtlray plan  study.py    # what would run; starts nothing and writes nothing
    mtlray run   study.py    # runs what is missing and prints the table; the same line again resumes
    mtlray table study.py    # the table again; --help lists its kinds and formats
    mtlray report study.py   # one HTML page with tables and figures

As it stands it runs in about two minutes on two cores without a network: the 5,000 digits come with mtlray. Seeds, fractions,
strategies and rates may be added at any time: what is done stays done, and only the new trials run.
"""

from mtlray import DWA, SGD, Equal, LeNet, MultiMNIST, RevisedUncertainty, SingleTask, SweepSpec, TrialSpec

SWEEP = SweepSpec(
    name="study",  # of the folder below results/
    question="Does any loss weighting beat single-task learning?",
    # What all trials share. Each trial is this, with a strategy, a fraction and a seed of its own.
    base=TrialSpec(
        # Two overlaid digits, to be read both. `mtlray data list` shows all data sets; source="mnist" is all of MNIST.
        # 500 digits are held out, so that the evaluation to report is not chosen on the test split.
        dataset=MultiMNIST(source="mnist5k", val_digits=500),
        model=LeNet(),
        strategy=Equal(),  # replaced by each of `strategies` below
        optimizer=SGD(lr=0.02, momentum=0.9),
        steps=400,  # of 32 pairs each; a whole study needs more, such as 20 epochs
        batch_size=32,
        evaluate_every=50,
    ),
    # The rows of the table. `mtlray strategies` lists them all, each with its source and its parameters.
    strategies=(
        SingleTask(task="left"),  # one task alone: what multi-task learning has to beat
        SingleTask(task="right"),
        Equal(),
        DWA(temperature=2.0),
        RevisedUncertainty(),
    ),
    # The columns: shares of the training data, for every strategy.
    fractions=(1.0, 0.25),
    # Each cell is a mean over these. Three show that all works; conclusions want ten or more.
    seeds=range(3),
    # Strategies differ in the length of their steps. To give each the rate that suits it best on the held-out digits, import
    # `learning_rates` from mtlray too, and write:
    # optimizers=learning_rates(SGD(lr=0.02, momentum=0.9), (0.005, 0.02, 0.08)),
)
