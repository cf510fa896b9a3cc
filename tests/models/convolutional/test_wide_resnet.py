"""WideResNet: its published size, and outputs equal to the paper's blocks written out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from written_out import batch_norm, count, draw_vectors, see

from mtlray import TokenShape, binary, classification
from mtlray.errors import SpecError
from mtlray.models import WideResNet

TASKS = (classification("fine", classes=100), binary("upside_down"))


def empty(depth, width, tasks):
    """A network without memory for its weights."""
    with torch.device("meta"):
        return WideResNet(depth, width).build((3, 32, 32), tasks)


@pytest.mark.parametrize(("depth", "width"), [(28, 10), (40, 4), (16, 2), (10, 1)])
def test_the_number_of_parameters_by_formula(depth, width):
    n = (depth - 4) // 6
    expected, n_in = 3 * 16 * 9, 16
    for n_out in (16 * width, 32 * width, 64 * width):
        for _ in range(n):
            expected += 2 * n_in + 9 * n_in * n_out + 2 * n_out + 9 * n_out * n_out
            expected += n_in * n_out if n_in != n_out else 0
            n_in = n_out
    network = empty(depth, width, TASKS)
    assert count(network.trunk) == expected + 2 * n_in
    assert count(network.heads) == (n_in + 1) * (100 + 1)


def test_the_published_numbers_of_parameters():
    """Of the paper's tables, in millions, for the ten classes of CIFAR-10, and the exact one for CIFAR-100."""
    ten = (classification("class", classes=10),)
    published = {(40, 1): 0.6, (40, 2): 2.2, (40, 4): 8.9, (28, 10): 36.5, (16, 8): 11.0, (22, 8): 17.2}
    assert {sizes: round(count(empty(*sizes, ten)) / 1e6, 1) for sizes in published} == published
    assert count(empty(28, 10, TASKS[:1])) == 36_536_884


def written_out(network, x, depth, training):
    """Equation 1 and Figure 1 of the paper, with the ReLU before a 1x1 shortcut as in its code."""
    w = dict(network.named_parameters()) | dict(network.named_buffers())
    x = F.conv2d(x, w["trunk.first.weight"], padding=1)
    n = (depth - 4) // 6
    for i in range(3 * n):
        name, stride = f"trunk.blocks.{i}", 2 if i in (n, 2 * n) else 1
        activated = batch_norm(w, f"{name}.before.0", x, training).clamp(min=0)
        changed = F.conv2d(activated, w[f"{name}.convolutions.0.weight"], stride=stride, padding=1)
        changed = batch_norm(w, f"{name}.convolutions.1", changed, training).clamp(min=0)
        changed = F.conv2d(changed, w[f"{name}.convolutions.3.weight"], padding=1)
        if f"{name}.shortcut.weight" in w:
            x = F.conv2d(activated, w[f"{name}.shortcut.weight"], stride=stride)
        x = x + changed
    x = batch_norm(w, "trunk.last.0", x, training).clamp(min=0).mean(dim=(2, 3))
    return [x @ w[f"heads.{task.name}.weight"].T + w[f"heads.{task.name}.bias"] for task in TASKS]


@pytest.mark.parametrize(("depth", "width"), [(10, 1), (16, 2)])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_those_of_the_blocks_written_out(depth, width, training):
    generator = torch.Generator().manual_seed(0)
    network = WideResNet(depth, width).build((3, 16, 12), TASKS).double()
    with torch.no_grad():
        draw_vectors(network, generator)
        x = torch.rand(3, 3, 16, 12, generator=generator, dtype=torch.float64)
        see(network, torch.rand(3, 3, 16, 12, generator=generator, dtype=torch.float64))
        network.train(training)
        expected = written_out(network, x, depth, training)
        found = network(x)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
        assert a.std() > 1e-2


def test_weights_start_as_the_paper_has_them():
    network = WideResNet(16, 4).build((3, 32, 32), TASKS)
    weight = network.trunk.blocks[2].convolutions[0].weight
    assert weight.std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
    assert not network.heads["fine"].bias.any()


def test_dropout_is_stated():
    assert not WideResNet().stochastic
    model = WideResNet(10, 1, dropout=0.3)
    assert model.stochastic
    assert (WideResNet().label, model.label) == ("wrn-28-10", "wrn-10-1-dropout0.3")
    assert sum(isinstance(m, nn.Dropout) for m in model.build((3, 32, 32), TASKS).modules()) == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"depth": 18}, r"be 6 n \+ 4"),
        ({"depth": 4}, r"be 6 n \+ 4"),
        ({"width": 0}, "be at least 1"),
        ({"dropout": 1.0}, r"lie in \[0, 1\)"),
    ],
)
def test_slips_are_refused(unchecked, fields, message):
    with pytest.raises(SpecError, match=message):
        WideResNet(**fields)


@pytest.mark.parametrize("shape", [(12,), (3, 7, 9), TokenShape(6, vocabulary=3)], ids=str)
def test_inputs_that_are_no_images_are_refused(shape):
    with pytest.raises(SpecError, match="WideResNet takes images of at least 8x8"):
        WideResNet().check(shape, TASKS)
