"""The conformance suite catches what it is there to catch."""

import random
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import AbstractAggregation, AbstractStrategy, AbstractWeighting, Equal, State
from mtlray.testing import StrategyConformance


@dataclass(frozen=True)
class Sum(AbstractWeighting):
    """The plain sum, to be spoiled by subclasses."""

    key: ClassVar[str] = "sum"

    def weights(self, losses, state):
        return torch.ones_like(losses)

    def combine(self, losses, state):
        weights = self.weights(losses, state)
        return (weights * losses).sum(dim=1), weights, state


class NotADataclass(Sum):
    pass


@dataclass(frozen=True)
class Hidden(Sum):
    """Keeps its step count in itself."""

    steps: list = field(default_factory=list)

    def weights(self, losses, state):
        self.steps.append(1)
        return torch.full_like(losses, 1 / len(self.steps))


@dataclass(frozen=True)
class NoSeedAxis(Sum):
    def init(self, tasks, seeds):
        return State(buffers={"mean": torch.ones(len(tasks))})


@dataclass(frozen=True)
class Running(Sum):
    """A running mean of the losses."""

    def init(self, tasks, seeds):
        return State(buffers={"mean": torch.ones(len(seeds), len(tasks))})


@dataclass(frozen=True)
class KeepsGraph(Running):
    def combine(self, losses, state):
        return losses.sum(dim=1), torch.ones_like(losses), state.with_buffers(mean=losses)


@dataclass(frozen=True)
class InPlace(Running):
    def weights(self, losses, state):
        state.buffers["mean"].mul_(0.9)
        return torch.ones_like(losses)


@dataclass(frozen=True)
class ReplacesParams(Sum):
    def init(self, tasks, seeds):
        return State(params={"s": torch.zeros(len(seeds), len(tasks), requires_grad=True)})

    def combine(self, losses, state):
        s = state.params["s"]
        weights = torch.exp(-s)
        return (weights * losses + s).sum(dim=1), weights, State({"s": s.detach().clone().requires_grad_()})


@dataclass(frozen=True)
class MixesSeeds(Sum):
    def weights(self, losses, state):
        return losses.detach() / losses.detach().sum()


@dataclass(frozen=True)
class FirstTaskTwice(Sum):
    def weights(self, losses, state):
        weights = torch.ones_like(losses)
        weights[:, 0] = 2
        return weights


@dataclass(frozen=True)
class ForgetsTheTrunk(AbstractStrategy):
    """Fills the gradients of the heads only."""

    key: ClassVar[str] = "forgets_the_trunk"

    def backward(self, losses, state):
        losses[0].jacobian()
        return torch.ones_like(losses[0].values), state


@dataclass(frozen=True)
class DividesByZero(Sum):
    def weights(self, losses, state):
        return losses.detach() / 0


@dataclass(frozen=True)
class WrongWeights(Sum):
    def combine(self, losses, state):
        return losses.sum(dim=1), torch.full_like(losses, 0.5), state


@dataclass(frozen=True)
class Draws(Sum):
    def weights(self, losses, state):
        return torch.rand_like(losses)


@dataclass(frozen=True)
class DrawsFromNumpy(Sum):
    def weights(self, losses, state):
        return torch.full_like(losses, np.random.rand())


@dataclass(frozen=True)
class DrawsFromPython(Sum):
    def weights(self, losses, state):
        return torch.full_like(losses, random.random())


@dataclass(frozen=True)
class OneLabel(Sum):
    knob: float = 1.0

    @property
    def label(self):
        return "one"


@dataclass(frozen=True)
class NeedsTwoTasks(Sum):
    def weights(self, losses, state):
        return torch.ones_like(losses) / (losses.shape[1] - 1)


@dataclass(frozen=True)
class MeanGradient(AbstractAggregation):
    """A well-behaved strategy on gradients."""

    key: ClassVar[str] = "mean_gradient"

    def aggregate(self, jacobian, losses, state):
        return jacobian.mean(dim=1), torch.full_like(losses, 1 / losses.shape[1]), state


SPOILED = [
    (NotADataclass(), "test_hyperparameters_are_frozen"),
    (Hidden(), "test_state_is_tensors_with_a_seed_axis"),
    (NoSeedAxis(), "test_state_is_tensors_with_a_seed_axis"),
    (KeepsGraph(), "test_state_is_tensors_with_a_seed_axis"),
    (ReplacesParams(), "test_state_is_tensors_with_a_seed_axis"),
    (Hidden(), "test_resumes_bit_for_bit"),
    (InPlace(), "test_inputs_stay_as_they_are"),
    (MixesSeeds(), "test_pack_equals_each_seed_alone"),
    (FirstTaskTwice(), "test_permuting_tasks_permutes_weights"),
    (ForgetsTheTrunk(), "test_every_parameter_gets_a_finite_gradient"),
    (DividesByZero(), "test_every_parameter_gets_a_finite_gradient"),
    (WrongWeights(), "test_weights_make_the_trunk_gradient"),
    (NeedsTwoTasks(), "test_one_task_alone_can_be_trained"),
    (Draws(), "test_randomness_is_the_trials_own"),
    (DrawsFromNumpy(), "test_randomness_is_the_trials_own"),
    (DrawsFromPython(), "test_randomness_is_the_trials_own"),
]


@pytest.mark.parametrize(("strategy", "check"), SPOILED, ids=[f"{type(s).__name__}-{check}" for s, check in SPOILED])
def test_catches(strategy, check):
    # A fault that a trial itself refuses is caught with the words of that refusal.
    with pytest.raises((AssertionError, SpecError)):
        getattr(StrategyConformance(), check)(strategy)


@pytest.mark.parametrize("check", [name for name in vars(StrategyConformance) if name.startswith("test_")])
def test_passes_what_is_right(check):
    for strategy in (Equal(), MeanGradient()):
        case = type("Case", (StrategyConformance,), {"strategies": (strategy,)})()
        arguments = () if check == "test_labels_tell_strategies_apart" else (strategy,)
        getattr(case, check)(*arguments)


def test_catches_strategies_that_share_a_label():
    case = type("Case", (StrategyConformance,), {"strategies": (OneLabel(), OneLabel(knob=2.0))})()
    with pytest.raises(AssertionError, match="share a label"):
        case.test_labels_tell_strategies_apart()
    with pytest.raises(AssertionError, match="gives no `strategies`"):
        StrategyConformance().test_labels_tell_strategies_apart()


def test_strategies_that_name_a_task_are_excepted():
    case = type("Case", (StrategyConformance,), {"symmetric": False})()
    case.test_permuting_tasks_permutes_weights(FirstTaskTwice())
