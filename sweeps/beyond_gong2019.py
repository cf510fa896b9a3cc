"""Beyond Gong et al. 2019: every strategy there is, on Multi-MNIST, each at the learning rate that suits it.

The network, optimizer and batches are those of the paper's Table 1, on a budget of 9,380 steps, which is a tenth of the
paper's. Otherwise the protocol is stricter: 10,000 digits are held out, the evaluation and the learning rate are chosen on
pairs of these and never on the test split, and each strategy has the same three rates to choose from, because strategies differ
in the sum of their weights and so in the length of their steps. `constant` stands for linear scalarization at four weights.

Without tuning, at one rate for all: --learning-rates 0.01.
"""

from mtlray import SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec, every_strategy, learning_rates

DATA = MultiMNIST(source="mnist", layout="sener", task_names=("left", "right"), val_digits=10_000)

SWEEP = SweepSpec(
    name="beyond_gong2019",
    question="Does any strategy beat single-task learning on two digit classifiers, once each has its own learning rate?",
    base=TrialSpec(
        dataset=DATA,
        model=LeNet(preset="A"),
        strategy=Equal(),
        optimizer=SGD(lr=0.01, momentum=0.9),
        steps=20 * 469,
        batch_size=128,
        evaluate_every=469,
    ),
    strategies=every_strategy(DATA.tasks, points=4),
    optimizers=learning_rates(SGD(lr=0.01, momentum=0.9), (0.003, 0.01, 0.03)),
    seeds=range(5),
    selection="best_val",
)
