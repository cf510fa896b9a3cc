"""A sweep whose trials misbehave, each in its own way from its sixth step on; the folder FAULTS remembers what happened."""

import errno
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from mtlray import SGD, AbstractWeighting, LeNet, MultiMNIST, State, SweepSpec, TrialSpec


@dataclass(frozen=True)
class Faulty(AbstractWeighting):
    """The plain sum, and a fault: `once` in the trial's life, or every time."""

    fault: str
    once: bool = True

    key: ClassVar[str] = "faulty"

    def init(self, tasks, seeds):
        return State()

    def combine(self, losses, state):
        marks = Path(os.environ["FAULTS"])
        steps = marks / f"{self.fault}-{self.once}-{os.getpid()}"
        with steps.open("a") as file:
            file.write(".")
        scale = 1.0
        mark = marks / f"{self.fault}-{self.once}-happened"
        if steps.stat().st_size >= 6 and not (self.once and mark.exists()):
            with mark.open("a") as file:
                file.write(".")
            scale = self.misbehave()
        return scale * losses.sum(dim=1), losses.new_ones(losses.shape), state

    def misbehave(self):
        match self.fault:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(3600)
            case "memory":
                raise MemoryError("as if there were none")
            case "io":
                raise OSError(errno.EIO, "Input/output error")
            case "bug":
                raise ValueError("my mistake")
            case "import":
                import no_such_module  # noqa: F401
            case "assertion":
                assert self.fault == "right"
            case "nan":
                return float("nan")
            case "slow":
                time.sleep(4)
        return 1.0


ONCE = ("kill", "hang", "memory", "io", "slow")
ALWAYS = ("kill", "memory", "io", "bug", "import", "assertion", "nan")

SWEEP = SweepSpec(
    name="faulty",
    question="Is each failure dealt with as it should be?",
    base=TrialSpec(
        dataset=MultiMNIST(source="mnist5k", val_digits=500),
        model=LeNet(),
        strategy=Faulty("none"),
        optimizer=SGD(lr=0.02),
        steps=12,
        batch_size=16,
        evaluate_every=12,
    ),
    strategies=(
        Faulty("none"),
        *(Faulty(fault) for fault in ONCE),
        *(Faulty(fault, once=False) for fault in ALWAYS),
    ),
    fractions=(0.25,),
    seeds=range(1),
)
