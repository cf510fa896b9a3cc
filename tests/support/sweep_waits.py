"""A sweep that waits where a test wants to meet it: while its file loads, in a rule, while its data is made."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from mtlray import SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec


def wait(place):
    """Make the file that the test waits for, and stay while it is there."""
    here, _, mark = os.environ.get("WAITS", "").partition(":")
    if here == place:
        Path(mark).touch()
        while Path(mark).exists():
            time.sleep(0.01)


@dataclass(frozen=True)
class SlowDigits(MultiMNIST):
    """The digits, made after a while."""

    def load(self, root):
        wait("preparing data")
        return MultiMNIST.load(self, root)


def rule(trial):
    wait("planning")
    return trial


wait("loading")
SWEEP = SweepSpec(
    name="small",  # the name of the sweep that it is compared with
    question="Does a launch end as promised wherever it is met?",
    base=TrialSpec(
        dataset=SlowDigits(source="mnist5k", val_digits=500),
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.02),
        steps=20,
        batch_size=16,
        evaluate_every=20,
    ),
    strategies=(Equal(),),
    seeds=range(2),
    rules=(rule,),
)
