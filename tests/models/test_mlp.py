"""The multilayer perceptron: its layers, its parameter count by hand, and what is refused."""

import pytest
import torch

from mtlray import MLP, binary, classification, regression
from mtlray.errors import SpecError
from mtlray.tasks.losses import squared_error
from mtlray.tasks.task import Task

TASKS = (classification("kind", classes=5), binary("big"), regression("size", outputs=2))


def test_parameters_and_outputs_by_hand():
    network = MLP(widths=(7, 6)).build((2, 3), TASKS)
    assert sum(p.numel() for p in network.trunk.parameters()) == 6 * 7 + 7 + 7 * 6 + 6
    assert sum(p.numel() for p in network.heads.parameters()) == (6 + 1) * (5 + 1 + 2)
    assert [tuple(p.shape) for p in network(torch.zeros(4, 2, 3))] == [(4, 5), (4, 1), (4, 2)]
    assert [type(layer).__name__ for layer in network.trunk] == ["Flatten", "Linear", "ReLU", "Linear", "ReLU"]


def test_a_head_may_have_an_image():
    image = Task(name="image", likelihood="gaussian", output_shape=(3, 4), loss=squared_error, metrics=())
    (prediction,) = MLP().build((5,), [image])(torch.zeros(2, 5))
    assert prediction.shape == (2, 3, 4)


def test_dropout_makes_it_stochastic_and_names_it():
    assert (MLP().stochastic, MLP(dropout=0.5).stochastic) == (False, True)
    assert (MLP().label, MLP(widths=(8,), dropout=0.5).label) == ("mlp-64-64", "mlp-8-dropout0.5")


@pytest.mark.parametrize("settings", [{"widths": ()}, {"widths": (0,)}, {"widths": (8, -1)}, {"dropout": 1.0}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(SpecError, match=f"`{next(iter(settings))}` should"):
        MLP(**settings)
