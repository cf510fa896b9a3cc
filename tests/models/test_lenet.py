"""LeNet: sizes as documented, and what is refused."""

import pytest
import torch
from torch import nn

from mtlray.data import MultiMNIST
from mtlray.errors import SpecError
from mtlray.identity.codec import encode
from mtlray.models import LeNet
from mtlray.models.beginning import initialise


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def network(preset, tasks=("left", "right"), **arguments):
    data = MultiMNIST(task_names=tasks, image_size=28 if preset == "A28" else 36)
    return initialise(LeNet(preset=preset, **arguments), data.input_shape, data.tasks, 0, torch.float32)


@pytest.mark.parametrize(
    ("preset", "trunk", "head"),
    [("A", 41_330, 3_060), ("A28", 21_330, 3_060), ("B", 30_890, 510), ("C", 25_570, 905_510)],
)
def test_parameter_counts(preset, trunk, head):
    made = network(preset)
    assert n_parameters(made.trunk) == trunk
    assert [n_parameters(h) for h in made.heads.values()] == [head, head]
    assert f"{trunk:,} / {head:,}" in LeNet.__doc__


def test_decoder_of_the_default():
    made = network("A", ("left", "reconstruct"))
    assert n_parameters(made.heads["reconstruct"]) == 690_960  # 50 x 512 + 512 and 512 x 1296 + 1296
    assert n_parameters(network("A", ("reconstruct",), decoder_width=100).heads) == 50 * 100 + 100 + 100 * 1296 + 1296


@pytest.mark.parametrize("preset", ["A", "A28", "B", "C"])
def test_outputs(preset):
    made = network(preset, ("left", "reconstruct"))
    size = 28 if preset == "A28" else 36
    logits, picture = made(torch.rand(3, 1, size, size))
    assert logits.shape == (3, 10)
    assert picture.shape == (3, size, size)
    assert ((picture >= 0) & (picture <= 1)).all()


def test_a_linear_decoder_is_the_same_network_without_its_last_function():
    bounded, linear = (network("A", ("left", "reconstruct"), decoder_output=o) for o in ("sigmoid", "linear"))
    x = torch.rand(3, 1, 36, 36)
    assert torch.equal(bounded(x)[1], linear(x)[1].sigmoid())
    assert (linear(x)[1] < 0).any()


def test_the_decoder_of_before_is_left_out_of_the_identity():
    assert "decoder_output" not in encode(LeNet())
    assert encode(LeNet(decoder_output="linear"))["decoder_output"] == "linear"


def test_a_decoder_makes_an_image_of_the_size_of_the_target():
    data = MultiMNIST(task_names=("left", "reconstruct"), reconstruction_target="centred")
    made = initialise(LeNet(), data.input_shape, data.tasks, 0, torch.float32)
    assert made(torch.rand(2, 1, 36, 36))[1].shape == (2, 28, 28)


def test_pooling_before_relu_is_the_same_function():
    made = network("A").double()
    layers = list(made.trunk)
    for i, layer in enumerate(layers[:-1]):
        if isinstance(layer, nn.MaxPool2d):
            assert isinstance(layers[i + 1], nn.ReLU)
            layers[i], layers[i + 1] = layers[i + 1], layer
    x = torch.rand(4, 1, 36, 36, dtype=torch.float64) - 0.5
    assert torch.equal(nn.Sequential(*layers)(x), made.trunk(x))


def test_labels():
    assert [LeNet(preset=p).label for p in ("A", "A28")] == ["lenet-A", "lenet-A28"]
    assert LeNet(decoder_output="linear").label == "lenet-A-linear"
    assert [LeNet(preset=p).stochastic for p in ("A", "A28", "B", "C")] == [False, True, False, False]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeNet(preset="A29"), "There is no LeNet preset `A29`. Did you mean `A28`? Valid names: A, A28, B, C."),
        (
            lambda: LeNet(decoder_width=0),
            "Parameter `decoder_width` should be at least 1. Found `decoder_width = 0`.",
        ),
        (
            lambda: LeNet(decoder_output="tanh"),
            'Parameter `decoder_output` should be one of "sigmoid", "linear". Found `decoder_output = tanh`.',
        ),
        (
            lambda: LeNet().check((1, 28, 28), ()),
            "LeNet preset A takes images of 1x36x36. The data set has 1x28x28. "
            "Choose another preset, or `MultiMNIST(image_size=36)`.",
        ),
        (
            lambda: LeNet(preset="A28").check((1, 36, 36), ()),
            "LeNet preset A28 takes images of 1x28x28. The data set has 1x36x36. "
            "Choose another preset, or `MultiMNIST(image_size=28)`.",
        ),
    ],
)
def test_refuses(make, message):
    with pytest.raises(SpecError) as caught:
        make()
    assert str(caught.value) == message
