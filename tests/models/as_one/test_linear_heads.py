"""Heads of one linear layer computed as one: to the bit what they are one by one, and in packs up to rounding."""

import pytest
import torch
from torch import nn

from mtlray import MLP, LeNet, MultiMNIST, Network, binary, classification, regression
from mtlray.models import Computation, Networks, networks
from mtlray.models.as_one.linear_heads import linear_heads

COMPUTATION = Computation(torch.device("cpu"))
# Kinds that alternate, so that the order of the tasks and that of their groups differ.
MIXED = (
    binary("a"),
    classification("b", classes=3),
    binary("c", positive_weight=2.0),
    regression("d", outputs=2),
    binary("e"),
    classification("f", classes=3, class_weights=(1, 2, 3)),
    regression("g", outputs=2),
    binary("h"),
    classification("i", classes=3),
)
BINARY = tuple(binary(f"yes{i}") for i in range(14))


def made(tasks, seeds=(3,), precision="float32", **options):
    return Networks(MLP(widths=(20,), **options), (7,), tasks, seeds, COMPUTATION, precision)


def one_by_one(monkeypatch, *arguments, **options):
    """The same networks with each head by itself."""
    with monkeypatch.context() as patch:
        patch.setattr(networks, "linear_heads", lambda *_, **__: None)
        return made(*arguments, **options)


def batch(tasks, n, n_seeds=1, dtype=torch.float32):
    rng = torch.Generator().manual_seed(n)
    targets = []
    for task in tasks:
        if task.likelihood == "gaussian":
            target = torch.randn(n_seeds, n, *task.output_shape, generator=rng, dtype=dtype)
            target[:, ::5] = torch.nan
        else:
            target = torch.randint(-1, max(2, *task.output_shape), (n_seeds, n), generator=rng)
        targets.append(target)
    return torch.randn(n_seeds, n, 7, generator=rng, dtype=dtype), targets


def taken(network):
    """The gradients of all parameters, which are dropped."""
    found = {name: None if p.grad is None else p.grad.clone() for name, p in network.parameters.items()}
    for parameter in network.parameters.values():
        parameter.grad = None
    return found


def everything(network, inputs, targets, tasks=None):
    """What a strategy may see of a batch: losses, gradients of their sum, of each task at trunk and representation."""
    losses = network.losses(inputs, targets, 0, tasks)
    found = {"values": losses.values.detach(), "again": losses.again()}
    torch.autograd.backward((losses.values * torch.linspace(0.5, 2, losses.values.shape[1])).sum())
    found |= {f"sum/{name}": gradient for name, gradient in taken(network).items()}
    found["jacobian"] = network.losses(inputs, targets, 0, tasks).jacobian()
    found |= {f"own/{name}": gradient for name, gradient in taken(network).items()}
    found["representation"] = network.losses(inputs, targets, 0, tasks).representation_jacobian()
    return found | {f"heads/{name}": gradient for name, gradient in taken(network).items()}


@pytest.mark.parametrize("tasks", [BINARY, MIXED], ids=["binary", "mixed"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("n", [1, 7, 92, 128])
def test_one_network_is_that_of_heads_one_by_one_to_the_bit(tasks, precision, n, monkeypatch):
    together, apart = made(tasks, precision=precision), one_by_one(monkeypatch, tasks, precision=precision)
    inputs, targets = batch(tasks, n, dtype=together.dtype)
    assert together.losses(inputs, targets, 0).joint is not None
    assert apart.losses(inputs, targets, 0).joint is None
    mine, theirs = everything(together, inputs, targets), everything(apart, inputs, targets)
    assert mine.keys() == theirs.keys()
    for name, expected in theirs.items():
        assert (mine[name] is None) == (expected is None), name
        assert expected is None or torch.equal(mine[name], expected), name


def test_some_tasks_and_dropout_are_as_one_by_one(monkeypatch):
    together, apart = (make(MIXED, dropout=0.3) for make in (made, lambda *a, **k: one_by_one(monkeypatch, *a, **k)))
    inputs, targets = batch(MIXED, 40)
    mine, theirs = (everything(network, inputs, targets, (1, 4, 6, 7)) for network in (together, apart))
    for name, expected in theirs.items():
        assert (mine[name] is None) == (expected is None), name
        assert expected is None or torch.equal(mine[name], expected), name


@pytest.mark.parametrize("tasks", [BINARY, MIXED], ids=["binary", "mixed"])
def test_a_pack_is_each_seed_up_to_rounding(tasks):
    seeds = (3, 8, 4)
    pack = made(tasks, seeds, "float64")
    inputs, targets = batch(tasks, 30, len(seeds), torch.float64)
    together = everything(pack, inputs, targets)
    for i, seed in enumerate(seeds):
        own = slice(i, i + 1)
        alone = everything(made(tasks, (seed,), "float64"), inputs[own], [target[own] for target in targets])
        for name, expected in alone.items():
            assert (together[name] is None) == (expected is None), name
            if expected is not None:
                found = together[name][i] if expected.ndim < together[name].ndim else together[name][own]
                torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14, msg=name)


def test_gradients_of_gradients_are_known():
    made_of = made(BINARY[:3], precision="float64")
    inputs, targets = batch(BINARY[:3], 6, dtype=torch.float64)
    weight = made_of.heads[1][0]
    losses = made_of.losses(inputs, targets, 0)
    (first,) = torch.autograd.grad(losses.values.sum(), [weight], create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), [weight])
    with torch.no_grad():
        weight[0, 0] += 1e-6
    (moved,) = torch.autograd.grad(made_of.losses(inputs, targets, 0).values.sum(), [weight])
    assert (moved.square().sum() - first.square().sum()).item() / 1e-6 == pytest.approx(second[0, 0].item(), rel=1e-4)


def tied(shape, task):
    return _TIED


_TIED = nn.Linear(4, 1)


def build_trunk(input_shape):
    return nn.Linear(*input_shape, 4)


def two_layers(shape, task):
    return nn.Sequential(nn.Linear(*shape, 4), nn.Linear(4, *task.output_shape))


def no_bias(shape, task):
    return nn.Linear(*shape, *task.output_shape, bias=False)


@pytest.mark.parametrize("head", [tied, two_layers, no_bias])
def test_other_heads_are_left_alone(head):
    network = Network(trunk=build_trunk, head=head).build((7,), BINARY[:2])
    heads = [list(module.parameters()) for module in network.heads.values()]
    assert linear_heads(network, heads, BINARY[:2], stacked=False) is None


def test_a_hook_is_heard():
    network = Network(trunk=build_trunk).build((7,), BINARY[:2])
    heads = [list(module.parameters()) for module in network.heads.values()]
    assert linear_heads(network, heads, BINARY[:2], stacked=False) is not None
    network.heads["yes0"].register_forward_hook(lambda *_: None)
    assert linear_heads(network, heads, BINARY[:2], stacked=False) is None


@pytest.mark.parametrize("preset", ["A", "B"])
def test_lenet_is_computed_as_before_in_packs_too(preset):
    data = MultiMNIST()
    made_of = Networks(LeNet(preset=preset), data.input_shape, data.tasks, (3, 4), COMPUTATION)
    targets = [torch.zeros(2, 2, dtype=torch.long)] * 2
    assert made_of.losses(torch.rand(2, 2, *data.input_shape), targets, 0).joint is None
