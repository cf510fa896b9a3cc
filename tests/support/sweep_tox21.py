"""Twelve assays of molecules, read character by character from their SMILES; most molecules lack some labels."""

import os
from pathlib import Path

from mtlray import DWA, Adam, ArrayDataset, Equal, SweepSpec, TextEncoder, TrialSpec, Uncertainty, binary

ASSAYS = (
    *("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma"),
    *("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"),
)
DATA = ArrayDataset(
    name="tox21",
    source=Path(os.environ["MTLRAY_TEST_DATA"]) / "tox21" / "tox21.csv.gz",
    inputs="smiles",
    tokens="characters",
    max_length=100,
    tasks=tuple(binary(assay) for assay in ASSAYS),
    about="Tox21 as DeepChem has it",
)
SWEEP = SweepSpec(
    name="tox21",
    question="Does weighting help twelve assays with missing labels?",
    base=TrialSpec(
        dataset=DATA,
        model=TextEncoder(encoder="convolution", width=32),
        strategy=Equal(),
        optimizer=Adam(lr=0.003),
        steps=400,
        batch_size=128,
        evaluate_every=200,
    ),
    strategies=(Equal(), DWA(), Uncertainty()),
    fractions=(1.0, 0.25),
    seeds=range(2),
)
