"""MTAN: its published size, outputs equal to the equations written out, what is shared and what is a task's own."""

import pytest
import torch
import torch.nn.functional as F
from written_out import batch_norm, count, see

from mtlray.data import MultiMNIST, NYUv2
from mtlray.errors import SpecError
from mtlray.models import MTAN, Computation, Networks, SegNet
from mtlray.strategies import Uncertainty

SIZE = (32, 64)
TASKS = NYUv2().tasks


def empty(model, tasks):
    """Its network without memory for its weights."""
    with torch.device("meta"):
        return model.build((3, 288, 384), tasks)


def convolution(n_in, n_out, side):
    """Parameters of a convolution with its bias and its batch normalisation."""
    return n_in * n_out * side**2 + n_out + 2 * n_out


@pytest.mark.parametrize(("preset", "f"), [("segnet", (64, 128, 256, 512, 512)), ("tiny", (12, 16, 24, 32, 32))])
def test_the_number_of_parameters_by_formula(preset, f):
    network = empty(MTAN(preset), TASKS)
    segnet = count(empty(SegNet("split" if preset == "segnet" else "tiny"), TASKS).trunk)
    onwards = sum(convolution(a, b, 3) for a, b in zip(f, (*f[1:], f[4]), strict=True))
    upwards = sum(convolution(a, b, 3) for a, b in zip(f[::-1], (*f[3::-1], f[0]), strict=True))
    assert count(network.trunk) == segnet + onwards + upwards

    read = [f[0], *(2 * width for width in f[1:])]
    masks = sum(convolution(n, width, 1) + convolution(width, width, 1) for n, width in zip(read, f, strict=True))
    made = (*f[3::-1], f[0])
    read = [unpooled + width for unpooled, width in zip(f[::-1], made, strict=True)]
    masks += sum(convolution(n, width, 1) + convolution(width, width, 1) for n, width in zip(read, made, strict=True))
    last = f[0] * f[0] * 9 + f[0]
    for task, head in zip(TASKS, network.heads.values(), strict=True):
        assert count(head) == masks + last + (f[0] + 1) * task.output_shape[0]


def test_the_published_number_of_parameters():
    network = empty(MTAN(), TASKS)
    of_strategy = sum(p.numel() for p in Uncertainty().init(TASKS, torch.tensor([0])).params.values())
    # mtan keeps the log variances of uncertainty weighting in its network; its table divides by the network of one task.
    assert (count(network.trunk), count(network) + of_strategy) == (35_163_456, 44_229_076)
    assert round(44_229_076 / count(empty(SegNet(), TASKS[:1])), 2) == 1.77
    assert [count(head) for head in network.heads.values()] == [3_021_504 + 65 * c for c in (13, 1, 3)]


class Equations:
    """The network as the paper and its code describe it, written out with functions and the weights of one of ours."""

    def __init__(self, network):
        self.w = dict(network.named_parameters()) | dict(network.named_buffers())
        self.training = network.training

    def conv(self, name, x):
        weight = self.w[f"{name}.weight"]
        return F.conv2d(x, weight, self.w[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def norm(self, name, x):
        return batch_norm(self.w, name, x, self.training)

    def layer(self, name, i, x):
        """The i-th convolution of a stage with its normalisation and ReLU."""
        return self.norm(f"{name}.{3 * i + 1}", self.conv(f"{name}.{3 * i}", x)).clamp(min=0)

    def mask(self, name, x):
        hidden = self.norm(f"{name}.1", self.conv(f"{name}.0", x)).clamp(min=0)
        return 1 / (1 + (-self.norm(f"{name}.4", self.conv(f"{name}.3", hidden))).exp())

    def shared(self, x):
        self.u, self.p, self.up, self.q, where = [], [], [], [], []
        for j, n in enumerate((2, 2, 3, 3, 3)):
            self.u.append(self.layer(f"trunk.encoder.{j}", 0, x))
            x = self.u[j]
            for i in range(1, n):
                x = self.layer(f"trunk.encoder.{j}", i, x)
            self.p.append(x)
            x, index = F.max_pool2d(x, 2, 2, return_indices=True)
            where.append(index)
        for j, n in enumerate((3, 3, 3, 2, 2)):
            x = F.max_unpool2d(x, where[4 - j], 2, 2)
            self.up.append(x)
            for i in range(n):
                x = self.layer(f"trunk.decoder.{j}", i, x)
            self.q.append(x)

    def task(self, name):
        head = f"heads.{name}"
        handed = None
        for j in range(5):
            read = self.u[j] if j == 0 else torch.cat((self.u[j], handed), dim=1)
            attended = self.mask(f"{head}.encoder.{j}", read) * self.p[j]
            handed = F.max_pool2d(self.layer(f"trunk.encoder_passes.{j}", 0, attended), 2, 2)
        for j in range(5):
            grown = F.interpolate(handed, scale_factor=2, mode="bilinear", align_corners=True)
            grown = self.layer(f"trunk.decoder_passes.{j}", 0, grown)
            handed = self.mask(f"{head}.decoder.{j}", torch.cat((self.up[j], grown), dim=1)) * self.q[j]
        return self.conv(f"{head}.prediction.1", self.conv(f"{head}.prediction.0", handed))

    def __call__(self, x):
        self.shared(x)
        return tuple(self.task(task.name) for task in TASKS)


@pytest.fixture
def network():
    """A small one in float64, every weight of which matters."""
    generator = torch.Generator().manual_seed(0)
    made = MTAN("tiny").build((3, *SIZE), TASKS).double()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            drawn = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            scales = parameter.ndim == 1 and "bias" not in name
            parameter.copy_(drawn + 0.5 if scales else (drawn - 0.5) * 0.4)
        see(made, torch.rand(3, 3, *SIZE, generator=generator, dtype=torch.float64))
    return made


@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_those_of_the_equations(network, training):
    x = torch.rand(3, 3, *SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    network.train(training)
    with torch.no_grad():
        expected = Equations(network)(x)
        found = network(x)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
        assert a.std() > 1e-3
    assert not torch.equal(found[1][:, 0], found[2][:, 0])


def test_what_is_shared_and_what_is_a_tasks_own():
    networks = Networks(MTAN("tiny"), (3, *SIZE), TASKS, (0,), Computation(torch.device("cpu")), "float64")
    assert networks.n_shared == 186_660
    assert [sum(p.numel() for p in head) for head in networks.heads] == [18_308 + 13 * c for c in (13, 1, 3)]
    predictions = networks.predict(torch.rand(1, 2, 3, *SIZE, dtype=torch.float64), training=True)
    for i, prediction in enumerate(predictions):
        total = prediction.square().sum()
        assert all(g.any() for g in torch.autograd.grad(total, networks.shared, retain_graph=True))
        own = [parameter for head in networks.heads for parameter in head]
        reached = torch.autograd.grad(total, own, retain_graph=True, allow_unused=True)
        of_task = [parameter is not None for parameter in reached]
        first = sum(len(head) for head in networks.heads[:i])
        assert of_task == [first <= k < first + len(networks.heads[i]) for k in range(len(own))]


@pytest.mark.parametrize("size", [(36, 48), (36, 50)], ids=str)
def test_sizes_that_halving_does_not_divide(size):
    network = MTAN("tiny").build((3, *size), NYUv2(downscale=8).tasks)
    assert [tuple(p.shape) for p in network(torch.rand(2, 3, *size))] == [(2, c, *size) for c in (13, 1, 3)]


def test_what_it_cannot_take_is_refused(unchecked):
    with pytest.raises(SpecError, match=r"There is no MTAN preset `split`"):
        MTAN("split")
    with pytest.raises(SpecError, match=r"MTAN takes colour images of at least 3x32x32. The data set has 1x36x36"):
        MTAN().check((1, 36, 36), MultiMNIST().tasks)
    with pytest.raises(SpecError, match=r"MTAN predicts channels.*Task `left` has outputs of 10"):
        MTAN().check((3, 36, 36), MultiMNIST().tasks)
