"""Two numbers and a class of 442 patients, in the table that scikit-learn ships."""

import pandas as pd
from sklearn.datasets import load_diabetes

from mtlray import DWA, MLP, AdamW, ArrayDataset, Equal, SweepSpec, TrialSpec, Uncertainty, binary, regression

TASKS = (regression("progression"), regression("bmi"), binary("sex"))


def table() -> pd.DataFrame:
    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = (frame["sex"] == 2).astype(int)
    return frame.rename(columns={"target": "progression"})


SWEEP = SweepSpec(
    name="diabetes",
    question="Does weighting help two numbers and a class of 442 patients?",
    base=TrialSpec(
        dataset=ArrayDataset(name="diabetes", source=table, tasks=TASKS),
        model=MLP(widths=(32,)),
        strategy=Equal(),
        optimizer=AdamW(lr=0.01),
        steps=400,
        batch_size=32,
        evaluate_every=200,
    ),
    strategies=(Equal(), DWA(), Uncertainty()),
    fractions=(1.0, 0.5),
    seeds=range(2),
)
