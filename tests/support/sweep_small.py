"""A sweep for the end-to-end tests: real digits, a strategy defined right here, trials of a few seconds."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray import (
    DWA,
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


@dataclass(frozen=True)
class LossShare(AbstractWeighting):
    """Each task weighs its running share of the losses; state that a resumed trial must get back."""

    decay: float = 0.9

    key: ClassVar[str] = "loss_share"

    def init(self, tasks, seeds):
        return State(buffers={"mean": torch.ones(len(seeds), len(tasks))})

    def combine(self, losses, state):
        mean = self.decay * state.buffers["mean"] + (1 - self.decay) * losses.detach()
        weights = losses.shape[1] * mean / mean.sum(dim=1, keepdim=True)
        return (weights * losses).sum(dim=1), weights, state.with_buffers(mean=mean)


SWEEP = SweepSpec(
    name="small",
    question="Do interrupted trials end as if nothing had happened?",
    base=TrialSpec(
        dataset=MultiMNIST(source="mnist5k", val_digits=500),
        model=LeNet(),
        strategy=Equal(),
        optimizer=SGD(lr=0.02, momentum=0.9),
        steps=250,
        batch_size=32,
        evaluate_every=60,
    ),
    strategies=(SingleTask(task="left"), DWA(), Uncertainty(), LossShare()),
    fractions=(0.25,),
    seeds=range(2),
)
