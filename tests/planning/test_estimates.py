"""Guessed durations: operations counted as by hand, and times as they were measured on one core."""

import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mtlray import SGD, VGG, Equal, LeNet, MultiMNIST, NYUv2, PCGrad, SegNet, SingleTask, TrialSpec, UTKFace
from mtlray.models import ModelSpec, SharedTrunk
from mtlray.models.operations import operations
from mtlray.planning.estimates import Estimates

FACES = UTKFace(image_size=64, n_images=(3596, 900), val_images=400)
NYU = NYUv2(source="mat", downscale=4)


def trial(dataset, model, **fields):
    return TrialSpec(dataset=dataset, model=model, strategy=Equal(), optimizer=SGD(lr=0.1), **{"steps": 10, **fields})


@pytest.mark.parametrize(
    ("model", "dataset"),
    [
        (LeNet(), MultiMNIST()),
        (LeNet(preset="C"), MultiMNIST(task_names=("left", "reconstruct"))),
        (SegNet("tiny"), NYU),
        (VGG("small"), FACES),
    ],
    ids=lambda value: value.label,
)
def test_operations_are_torch_s_own_count_and_draw_nothing(model, dataset):
    state = torch.get_rng_state()
    counted = operations(model, dataset.input_shape, dataset.tasks)
    assert torch.equal(torch.get_rng_state(), state)
    network = model.build(dataset.input_shape, dataset.tasks).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *dataset.input_shape))
    assert counted.flops == counter.get_total_flops()
    assert counted.parameters == sum(p.numel() for p in network.parameters())


def test_values_by_hand():
    counted = operations(LeNet(), (1, 36, 36), MultiMNIST().tasks)
    # Each of two stages pools and has a ReLU; then the flat 720, ReLU of 50 in the trunk and in each of two heads.
    assert counted.values == 2 * 10 * 16 * 16 + 2 * 20 * 6 * 6 + 720 + 3 * 50


@pytest.mark.parametrize(
    ("dataset", "model", "batch", "milliseconds"),
    [
        (MultiMNIST(), LeNet(), 128, 0.084),
        (MultiMNIST(), LeNet("C"), 128, 0.35),
        (NYUv2(source="mat", downscale=8), SegNet("tiny"), 8, 5.3),
        (NYU, SegNet("tiny"), 8, 16.7),
        (NYUv2(source="mat", downscale=2), SegNet("tiny"), 8, 60.5),
        (NYUv2(source="mat", downscale=8), SegNet(), 2, 151),
        (FACES, VGG("small"), 32, 5.1),
    ],
    ids=str,
)
def test_training_takes_about_as_long_as_measured(dataset, model, batch, milliseconds):
    """Milliseconds of processor time for a sample, on one core of the machine that the constants are for."""
    few, many = (trial(dataset, model, batch_size=batch, steps=steps, evaluate_every=10**9) for steps in (10, 20))
    estimates = Estimates()
    guessed = 1e3 * (estimates.seconds(many) - estimates.seconds(few)) / 10 / batch
    assert 0.5 < guessed / milliseconds < 2


def test_what_takes_longer():
    estimates = Estimates()
    base = trial(MultiMNIST(), LeNet())
    seconds = estimates.seconds(base)
    assert estimates.seconds(dataclasses.replace(base, strategy=PCGrad())) > seconds
    assert estimates.seconds(dataclasses.replace(base, strategy=SingleTask(task="left"))) < seconds
    assert estimates.seconds(dataclasses.replace(base, evaluate_every=1)) > 2 * seconds


class Picky(nn.Module):
    def forward(self, inputs):
        return inputs.reshape(-1, math.prod(inputs.shape[1:]))  # of no example, ambiguous


@dataclasses.dataclass(frozen=True)
class Unusual(ModelSpec):
    key = label = "unusual"

    def check(self, input_shape, tasks):
        pass

    def build(self, input_shape, tasks):
        return SharedTrunk(Picky(), {task.name: nn.Linear(math.prod(input_shape), 10) for task in tasks})


def test_a_model_that_cannot_be_counted_has_an_estimate_all_the_same():
    assert Estimates().seconds(trial(MultiMNIST(), Unusual())) > 0
