"""The sweep whose results lie beside this file, computed by mtlray 0.1 under results_version 5.

Every kind of file that a results folder can hold is among them: trials that are done (some merged, some not),
diverged and failed, one that was interrupted at a checkpoint and one whose process was killed.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray import (
    DWA,
    EMA,
    SGD,
    AbstractWeighting,
    Equal,
    LeNet,
    MultiMNIST,
    SingleTask,
    State,
    SweepSpec,
    TrialSpec,
    Uncertainty,
)

AT = 12  # the step from which on the two below misbehave


@dataclass(frozen=True)
class Late(AbstractWeighting):
    """The plain sum, which from step AT on is not finite, or raises."""

    raises: bool = False
    key: ClassVar[str] = "late"

    def init(self, tasks, seeds):
        return State(buffers={"step": torch.zeros(len(seeds))})

    def combine(self, losses, state):
        step = state.buffers["step"] + 1
        if self.raises and bool((step >= AT).all()):
            raise ValueError("as the test wants it")
        scale = torch.where(step >= AT, torch.full_like(step, float("nan")), torch.ones_like(step))
        return scale * losses.sum(dim=1), losses.new_ones(losses.shape), state.with_buffers(step=step)


SWEEP = SweepSpec(
    name="version_5",
    question="Do results of an earlier release stay readable, complete and extensible?",
    base=TrialSpec(
        dataset=MultiMNIST(source="mnist5k", val_digits=200),
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.02, momentum=0.9),
        steps=40,
        batch_size=16,
        evaluate_every=20,
    ),
    strategies=(
        SingleTask(task="left"),
        SingleTask(task="right"),
        Equal(),
        DWA(),
        Uncertainty(),
        EMA(),
        Late(),
        Late(raises=True),
    ),
    fractions=(1.0, 0.25),
    seeds=range(2),
)
