"""The conformance suite of models catches what it is there to catch."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import nn

from mtlray.errors import SpecError
from mtlray.models import MLP, ModelSpec, SharedTrunk
from mtlray.models.base import linear_head
from mtlray.testing import ModelConformance


@dataclass(frozen=True)
class Right(ModelSpec):
    """One layer, to be spoiled by subclasses."""

    width: int = 3

    key: ClassVar[str] = "right"

    @property
    def label(self):
        return f"{self.key}-{self.width}"

    def check(self, input_shape, tasks):
        if tuple(input_shape) != (5,):
            raise SpecError("It takes five numbers.")

    def trunk(self):
        return nn.Sequential(nn.Linear(5, self.width), nn.Tanh())

    def build(self, input_shape, tasks):
        return SharedTrunk(self.trunk(), {task.name: linear_head(task, self.width) for task in tasks})


class NotADataclass(Right):
    pass


@dataclass(frozen=True)
class OneLabel(Right):
    label = "one"


@dataclass(frozen=True)
class Unhashable(Right):
    more: object = None

    def __hash__(self):
        return id(self)


@dataclass(frozen=True)
class TakesAll(Right):
    def check(self, input_shape, tasks):
        pass


@dataclass(frozen=True)
class WrongHead(Right):
    def build(self, input_shape, tasks):
        return SharedTrunk(self.trunk(), {task.name: nn.Linear(self.width, 7) for task in tasks})


@dataclass(frozen=True)
class Unseeded(Right):
    def trunk(self):
        trunk = super().trunk()
        rng = torch.Generator()
        rng.seed()
        with torch.no_grad():
            trunk[0].weight.normal_(generator=rng)
        return trunk


@dataclass(frozen=True)
class AllAlike(Right):
    def build(self, input_shape, tasks):
        network = super().build(input_shape, tasks)
        for parameter in network.parameters():
            nn.init.constant_(parameter, 0.5)
        return network


@dataclass(frozen=True)
class Unused(Right):
    def trunk(self):
        trunk = super().trunk()
        trunk[1].unused = nn.Parameter(torch.zeros(2))
        return trunk


@dataclass(frozen=True)
class SharedHead(Right):
    def build(self, input_shape, tasks):
        between = nn.Linear(self.width, self.width)
        heads = {task.name: nn.Sequential(between, linear_head(task, self.width)) for task in tasks}
        return SharedTrunk(self.trunk(), heads)


class OverBatch(nn.Module):
    def forward(self, x):
        return x - x.mean(dim=0, keepdim=True)


class Counts(nn.Module):
    """Its buffer moves whenever it is called."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.count += 1
        return x


class Remembers(nn.Module):
    """Keeps a number outside of its buffers."""

    steps = 0

    def forward(self, x):
        self.steps += 1
        return x / self.steps


class AlwaysDouble(nn.Module):
    def forward(self, x):
        return x.to(torch.float32)


class BatchesOfSeeds(nn.Module):
    """Its hidden number is one for all networks of a pack."""

    def __init__(self):
        super().__init__()
        self.scale = float(torch.rand(()))

    def forward(self, x):
        return self.scale * x


@dataclass(frozen=True)
class With(Right):
    """A layer after the trunk's."""

    layer: type = nn.Identity
    key: ClassVar[str] = "with"

    def trunk(self):
        return nn.Sequential(super().trunk(), self.layer())


SPOILED = [
    (NotADataclass(), "test_settings_are_frozen"),
    (Unhashable(), "test_travels_to_workers"),
    (TakesAll(), "test_other_inputs_are_refused_or_fit"),
    (WrongHead(), "test_fits_its_inputs_and_tasks"),
    (Unseeded(), "test_initial_weights_depend_on_the_seed_alone"),
    (AllAlike(), "test_initial_weights_depend_on_the_seed_alone"),
    (Unused(), "test_every_parameter_gets_a_finite_gradient"),
    (SharedHead(), "test_a_head_learns_from_its_own_task"),
    (With(layer=OverBatch), "test_evaluation_sees_each_example_alone"),
    (With(layer=Counts), "test_evaluation_sees_each_example_alone"),
    (With(layer=BatchesOfSeeds), "test_pack_equals_each_seed_alone"),
    (With(layer=nn.Dropout), "test_random_numbers_are_stated_and_the_trials_own"),
    (With(layer=Remembers), "test_resumes_bit_for_bit"),
    (With(layer=AlwaysDouble), "test_every_precision"),
]


def suite(*models, **more):
    return type("Case", (ModelConformance,), {"models": models, "input_shape": (5,), **more})()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("model", "check"), SPOILED, ids=[f"{type(m).__name__}-{m.label}-{c}" for m, c in SPOILED])
def test_catches(model, check):
    # A fault that is refused when a sweep is planned, or by torch, is caught with the words of that refusal.
    with pytest.raises((AssertionError, SpecError, RuntimeError)):
        getattr(suite(), check)(model)


@pytest.mark.parametrize("check", [name for name in vars(ModelConformance) if name.startswith("test_")])
def test_passes_what_is_right(check):
    for model in (Right(), MLP(widths=(4,), dropout=0.5)):
        case = suite(model)
        getattr(case, check)(*(() if check == "test_labels_tell_models_apart" else (model,)))


def test_catches_models_that_share_a_label():
    with pytest.raises(AssertionError, match="share a label"):
        suite(OneLabel(), OneLabel(width=4)).test_labels_tell_models_apart()
    with pytest.raises(AssertionError, match="gives no `models`"):
        suite().test_labels_tell_models_apart()
