"""Network and specs of one's own: factories by hand, their code in the id, and a paragraph for what does not fit when planned."""

import dataclasses
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from mtlray import MLP, SGD, ArrayDataset, Equal, ModelSpec, Network, SharedTrunk, TrialSpec, binary, classification
from mtlray.errors import SpecError
from mtlray.models import Computation, Networks
from mtlray.models.base import linear_head
from mtlray.specs.sweepfile import load_sweep

TASKS = (classification("kind", classes=3), binary("big"))
CPU = Computation(torch.device("cpu"))


def trunk(shape):
    return nn.Sequential(nn.Flatten(), nn.Linear(*shape, 6), nn.Tanh())


def head(shape, task):
    return nn.Sequential(nn.Linear(*shape, 4), nn.ReLU(), nn.Linear(4, *task.output_shape))


class Trunk(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.layer = nn.Linear(*shape, 6)

    def forward(self, x):
        return self.layer(x)


@dataclass(frozen=True)
class Wide:
    width: int = 8

    def __call__(self, shape):
        return nn.Sequential(nn.Flatten(), nn.Linear(*shape, self.width))


def test_a_network_is_made_of_its_factories():
    made = Network(trunk=trunk, head=head).build((5,), TASKS)
    assert sum(p.numel() for p in made.trunk.parameters()) == 6 * 6
    assert [tuple(p.shape) for p in made(torch.zeros(2, 5))] == [(2, 3), (2, 1)]
    assert isinstance(Network(trunk=trunk).build((5,), TASKS).heads["big"], nn.Linear)
    assert made.training, "trying the trunk leaves it as it was"


def test_labels():
    assert [Network(trunk=t).label for t in (trunk, Trunk, Wide(width=4))] == ["trunk", "Trunk", "Wide(width=4)"]
    assert Network(trunk=trunk, name="mine").label == "mine"


SWEEP = """
from dataclasses import dataclass
import numpy as np
from torch import nn
from mtlray import SGD, ArrayDataset, Equal, Network, SweepSpec, TrialSpec, binary

def data():
    return {"x": np.arange(80.0).reshape(40, 2), "big": np.arange(40) % 2}

def build_trunk(shape):
    return nn.Linear(*shape, WIDTH)

class Trunk(nn.Linear):
    def __init__(self, shape):
        super().__init__(*shape, WIDTH)

@dataclass(frozen=True)
class Wide:
    scale: int = 1
    def __call__(self, shape):
        return nn.Linear(*shape, self.scale * WIDTH)

WIDTH = 4
DATA = ArrayDataset(name="d", source=data, tasks=(binary("big"),))
BASE = TrialSpec(dataset=DATA, model=Network(trunk=TRUNK), strategy=Equal(), optimizer=SGD(lr=0.1), steps=2)
SWEEP = SweepSpec(name="s", question="?", base=BASE, strategies=(Equal(),))
"""


def trial_of(folder, *edits):
    text = SWEEP
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    (folder / "s.py").write_text(text)
    (trial,) = load_sweep(folder / "s.py")[0].trials()
    return trial


@pytest.mark.parametrize("factory", ["build_trunk", "Trunk", "Wide()"])
def test_the_code_of_factories_is_in_the_id(factory, tmp_path):
    made = ("trunk=TRUNK", f"trunk={factory}")
    first = trial_of(tmp_path, made).trial_id
    assert trial_of(tmp_path, made, ("WIDTH = 4", "WIDTH = 4  # units")).trial_id == first
    assert trial_of(tmp_path, made, ("WIDTH = 4", "WIDTH = 5")).trial_id != first


def test_a_function_without_a_name_is_refused(tmp_path):
    with pytest.raises(
        SpecError, match=r"The function `<lambda>` should be defined at the top level .* Move its `def` statement"
    ):
        trial_of(tmp_path, ("trunk=TRUNK", "trunk=lambda shape: nn.Linear(*shape, 4)"))


@dataclass(frozen=True)
class Own(ModelSpec):
    """A spec to be spoiled by what it builds."""

    made: object = None

    key = label = "own"

    def check(self, input_shape, tasks):
        pass

    def build(self, input_shape, tasks):
        return self.made(input_shape, tasks)


def shared(tasks):
    return SharedTrunk(nn.Linear(2, 6), {task.name: linear_head(task, 6) for task in tasks})


class Pair(nn.Module):
    def forward(self, x):
        return x, x


def wrong_size(shape, task):
    return nn.Linear(*shape, 7)


def drops(shape):
    return nn.Sequential(trunk(shape), nn.Dropout(0.5))


def too_narrow(shape):
    return nn.Linear(3, 4)


def image(shape):
    return nn.Unflatten(1, (1, 2))


FAULTS = {
    "a head of another size": (
        Network(trunk=trunk, head=wrong_size),
        r"task `kind` in model trunk should predict \[3\] .* Found \[2, 7\]",
    ),
    "other inputs": (Network(trunk=too_narrow), r"inputs of 2. Building it failed: RuntimeError: .*mat1 and mat2"),
    "dropout that is not stated": (Network(trunk=drops), "should say that it draws random numbers in training"),
    "a representation of another form": (
        Network(trunk=image),
        r"Found a representation of \[1, 2\]. End the trunk with",
    ),
    "two tensors": (Network(trunk=lambda shape: Pair()), r"should return one tensor, .* Found tuple"),
    "no module": (Network(trunk=lambda shape: 3), "factory of the trunk should return a torch.nn.Module. Found int"),
    "an error of its own": (Own(lambda *_: 1 / 0), "Building it failed: ZeroDivisionError: division by zero"),
    "no SharedTrunk": (Own(lambda *_: nn.Linear(2, 3)), "should return a SharedTrunk. Found Linear"),
    "a head too few": (
        Own(lambda _, tasks: shared(tasks[:1])),
        "a head for each task, in their order: kind, big. Found kind",
    ),
    "heads in another order": (Own(lambda _, tasks: shared(tasks[::-1])), "Found big, kind"),
}


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_one_paragraph_when_planned(fault):
    model, match = FAULTS[fault]
    source = {
        "x": torch.zeros(40, 2).numpy(),
        "kind": torch.arange(40).numpy() % 3,
        "big": torch.arange(40).numpy() % 2,
    }
    dataset = ArrayDataset(name="d", source=lambda: source, tasks=TASKS)
    trial = TrialSpec(dataset=dataset, model=model, strategy=Equal(), optimizer=SGD(lr=0.1), steps=1)
    with pytest.raises(SpecError, match=match) as caught:
        trial.check()
    assert "\n" not in str(caught.value)
    dataclasses.replace(trial, model=Own(lambda _, tasks: shared(tasks))).check()


def test_a_network_with_dropout_says_so_and_runs_alone():
    model = Network(trunk=drops, dropout=True)
    model.check((2,), TASKS)
    with pytest.raises(SpecError, match="run one by one"):
        Networks(model, (2,), TASKS, (0, 1), CPU)


def test_trying_a_model_draws_from_no_global_generator():
    before = torch.get_rng_state()
    Network(trunk=drops, dropout=True).check((2,), TASKS)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"trunk": 3}, "`trunk` should be a function that makes a module"),
        ({"trunk": None}, "`trunk` should be a function that makes a module"),
        ({"trunk": trunk, "head": "linear"}, "`head` should be a function"),
        ({"trunk": nn.Linear(2, 3)}, "Found a module, which all trials would share"),
    ],
)
def test_bad_factories_are_refused(settings, match):
    with pytest.raises(SpecError, match=match):
        Network(**settings)


def branches(shape):
    class Branches(nn.Linear):
        def forward(self, x):
            return super().forward(x) if x.sum() > 0 else x @ self.weight.T

    return Branches(*shape, 6)


def test_what_cannot_be_packed_says_so():
    x = torch.rand(2, 4, 2, dtype=torch.float64)
    made = Networks(Network(trunk=branches), (2,), TASKS, (0, 1), CPU, "float64")
    with pytest.raises(SpecError, match=r"model branches should run as a pack of 2 seeds. .* Choose pack size 1"):
        made.predict(x)
    Networks(Network(trunk=branches), (2,), TASKS, (0,), CPU, "float64").predict(x[:1])


@pytest.mark.parametrize("name", ["type", "values", "a.b", "training", "NR-AR"])
@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_task_may_have_any_name(name, seeds):
    tasks = (binary(name), binary("other"))
    made = Networks(MLP(widths=(3,)), (2,), tasks, seeds, CPU, "float64")
    assert [len(head) for head in made.heads] == [2, 2]
    losses = made.losses(torch.rand(len(seeds), 4, 2, dtype=torch.float64), [torch.ones(len(seeds), 4).long()] * 2, 0)
    losses.jacobian()
    assert all(p.grad is not None for head in made.heads for p in head)
