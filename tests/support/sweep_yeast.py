"""Fourteen functions of 2,417 genes, yes or no, each from 103 numbers."""

import os
from pathlib import Path

from mtlray import DWA, MLP, Adam, ArrayDataset, Equal, SweepSpec, TrialSpec, Uncertainty, binary

DATA = ArrayDataset(
    name="yeast",
    source=Path(os.environ["MTLRAY_TEST_DATA"]) / "yeast" / "yeast.csv.gz",
    tasks=tuple(binary(f"Class{i}") for i in range(1, 15)),
    about="Yeast of the Mulan library (Elisseeff and Weston 2001)",
)
SWEEP = SweepSpec(
    name="yeast",
    question="Does weighting help fourteen functions of genes?",
    base=TrialSpec(
        dataset=DATA,
        model=MLP(widths=(64, 64)),
        strategy=Equal(),
        optimizer=Adam(lr=0.001),
        steps=400,
        batch_size=128,
        evaluate_every=200,
    ),
    strategies=(Equal(), DWA(), Uncertainty()),
    fractions=(1.0, 0.25),
    seeds=range(2),
)
