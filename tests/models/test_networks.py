"""Networks: each trial in a pack is what it is alone, and nobody touches a global generator."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from mtlray.data import MultiMNIST
from mtlray.errors import SpecError
from mtlray.models import Computation, LeNet, Networks, SharedTrunk

COMPUTATION = Computation(torch.device("cpu"), kernel="torch")
DATA = MultiMNIST(task_names=("left", "reconstruct"))


def networks(seeds, preset="A", precision="float64"):
    data = MultiMNIST(task_names=DATA.task_names, image_size=28 if preset == "A28" else 36)
    return Networks(LeNet(preset=preset, decoder_width=16), data.input_shape, data.tasks, seeds, COMPUTATION, precision)


def batch(n_seeds, size=36, n=4):
    rng = torch.Generator().manual_seed(0)
    inputs = torch.rand(n_seeds, n, 1, size, size, generator=rng, dtype=torch.float64)
    targets = [
        torch.randint(10, (n_seeds, n), generator=rng),
        torch.rand(n_seeds, n, size, size, generator=rng, dtype=torch.float64),
    ]
    return inputs, targets


def test_pack_of_three_equals_each_alone():
    seeds = (4, 0, 7)
    inputs, targets = batch(3)
    together = networks(seeds)
    losses = together.losses(inputs, targets, 0)
    jacobian = losses.jacobian()
    predictions = together.predict(inputs)
    for i, seed in enumerate(seeds):
        alone = networks((seed,))
        part = slice(i, i + 1)
        other = alone.losses(inputs[part], [t[part] for t in targets], 0)
        torch.testing.assert_close(losses.values[part], other.values, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(jacobian[part], other.jacobian(), rtol=1e-10, atol=1e-14)
        for mine, theirs in zip(predictions, alone.predict(inputs[part]), strict=True):
            torch.testing.assert_close(mine[part], theirs, rtol=1e-12, atol=1e-14)
        for mine, theirs in zip(together.heads, alone.heads, strict=True):
            for p, q in zip(mine, theirs, strict=True):
                torch.testing.assert_close(p.grad[i], q.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("seeds", [(4,), (4, 0, 7)])
def test_gradients_at_the_representation_lead_to_those_of_the_trunk(seeds):
    made = networks(seeds)
    inputs, targets = batch(len(seeds))
    jacobian = made.losses(inputs, targets, 0).jacobian()
    heads = [[p.grad.clone() for p in head] for head in made.heads]
    losses = made.losses(inputs, targets, 0)
    rows = losses.representation_jacobian()
    assert rows.shape == (len(seeds), 2, 4 * 50)
    for mine, theirs in zip(made.heads, heads, strict=True):
        for p, gradient in zip(mine, theirs, strict=True):
            torch.testing.assert_close(p.grad, gradient, rtol=1e-12, atol=1e-14)
    weights = torch.tensor([[0.3, 1.7]], dtype=torch.float64).expand(len(seeds), -1)
    gradient = losses.pull_back((weights.unsqueeze(2) * rows).sum(dim=1))
    assert gradient.shape == (len(seeds), made.n_shared)
    torch.testing.assert_close(gradient, (weights.unsqueeze(2) * jacobian).sum(dim=1), rtol=1e-10, atol=1e-14)


def test_one_dropout_mask_serves_trunk_and_heads():
    made = networks((3,), preset="A28")
    inputs, targets = batch(1, size=28)
    jacobian = made.losses(inputs, targets, 5).jacobian()
    losses = made.losses(inputs, targets, 5)
    gradient = losses.pull_back(losses.representation_jacobian().sum(dim=1))
    torch.testing.assert_close(gradient, jacobian.sum(dim=1), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("seeds", [(4,), (4, 7)])
def test_bounded_metrics_are_those_of_the_predictions(seeds):
    data = MultiMNIST(task_names=("left", "right"))
    made = Networks(LeNet(), data.input_shape, data.tasks, seeds, COMPUTATION, "float64")
    inputs, (targets, _) = batch(len(seeds), n=16)
    losses = made.losses(inputs, [targets, targets], 0)
    expected = [(p.argmax(-1) == targets).double().mean(dim=1) for p in made.predict(inputs, training=True)]
    torch.testing.assert_close(losses.bounded_metrics(), torch.stack(expected, dim=1))
    inputs, targets = batch(len(seeds))
    with pytest.raises(SpecError, match="Task reconstruct has no metric with a bound"):
        networks(seeds).losses(inputs, targets, 0).bounded_metrics()


class Crossed(SharedTrunk):
    """Each head also reads the inputs."""

    def forward(self, inputs):
        z = self.trunk(inputs) + inputs.mean()
        return tuple(head(z) for head in self.heads.values())


@dataclass(frozen=True)
class CrossedNet(LeNet):
    claim: bool = False

    @property
    def single_representation(self):
        return self.claim

    def build(self, input_shape, tasks):
        network = super().build(input_shape, tasks)
        return Crossed(network.trunk, dict(network.heads.items()))


@pytest.mark.parametrize("seeds", [(4,), (4, 7)])
def test_a_forward_pass_of_its_own_is_kept(seeds):
    data = MultiMNIST(task_names=("left",))
    made = Networks(CrossedNet(), data.input_shape, data.tasks, seeds, COMPUTATION, "float64")
    inputs, targets = batch(len(seeds))
    losses = made.losses(inputs, targets[:1], 0)
    shifted = Networks(LeNet(), data.input_shape, data.tasks, seeds, COMPUTATION, "float64")
    assert not torch.allclose(losses.values, shifted.losses(inputs, targets[:1], 0).values)
    assert losses.representation is None
    losses.jacobian()


def test_a_forward_pass_of_its_own_contradicts_a_single_representation():
    data = MultiMNIST(task_names=("left",))
    with pytest.raises(SpecError) as caught:
        Networks(CrossedNet(claim=True), data.input_shape, data.tasks, (0,), COMPUTATION, "float64")
    assert str(caught.value) == (
        "The network of model lenet-A has a `forward` of its own. Set `single_representation` of its spec to False, or leave "
        "`forward` to SharedTrunk."
    )


def test_initial_weights_depend_on_the_seed_alone():
    states = [networks((3,)).state()]
    torch.manual_seed(123)
    states += [networks((3,)).state()]
    states += [{name: t[1:2] for name, t in networks((8, 3)).state().items()}]
    for state in states[1:]:
        for name, tensor in states[0].items():
            assert torch.equal(state[name], tensor)
    assert not torch.equal(networks((4,)).state()["trunk.0.weight"], states[0]["trunk.0.weight"])


def test_initial_weights_are_drawn_in_float32():
    exact, single = networks((3,)).state(), networks((3,), precision="float32").state()
    assert all(torch.equal(exact[name], single[name].double()) for name in exact)


def test_initial_weights_are_the_known_ones():
    weights = networks((0,)).state()["trunk.0.weight"].flatten()[:3].tolist()
    assert weights == pytest.approx([-0.18437591, -0.18786047, 0.12897432], abs=1e-7)


def test_global_generator_is_left_alone():
    before = torch.get_rng_state()
    stochastic = networks((3,), preset="A28")
    stochastic.losses(*batch(1, size=28), 0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("seeds", [(5,), (5, 6)])
def test_state_round_trip(seeds):
    source, target = networks(seeds), networks([seed + 10 for seed in seeds])
    state = source.state()
    assert all(tensor.shape[0] == len(seeds) for tensor in state.values())
    target.load(state)
    inputs, targets = batch(len(seeds))
    assert torch.equal(source.losses(inputs, targets, 0).values, target.losses(inputs, targets, 0).values)
    with torch.no_grad():
        next(iter(source.parameters.values())).zero_()
    assert not torch.equal(source.state()["trunk.0.weight"], state["trunk.0.weight"]), "a state is a copy"


def test_trial_moves_from_a_pack_to_its_own():
    together = networks((5, 6))
    alone = networks((0,))
    alone.load({name: tensor[1:2] for name, tensor in together.state().items()})
    assert all(torch.equal(t, networks((6,)).state()[name]) for name, t in alone.state().items())


def test_shared_and_heads_are_all_parameters_once():
    for seeds in ((1,), (1, 2)):
        made = networks(seeds)
        parts = [*made.shared, *(p for head in made.heads for p in head)]
        assert sorted(map(id, parts)) == sorted(map(id, made.parameters.values()))
        assert len(made.heads) == 2


def test_dropout_is_named_by_seed_and_step():
    inputs, targets = batch(1, size=28, n=16)
    made = networks((3,), preset="A28")
    first = made.losses(inputs, targets, 5)
    torch.manual_seed(99)
    torch.rand(7)
    assert torch.equal(made.losses(inputs, targets, 5).values, first.values)
    assert torch.equal(first.again(), first.values.detach()), "again() draws the same masks"
    assert not torch.equal(made.losses(inputs, targets, 6).values, first.values)
    quiet = [p.clone() for p in made.predict(inputs)]
    assert all(torch.equal(p, q) for p, q in zip(quiet, made.predict(inputs), strict=True)), "no dropout in evaluation"


def test_stochastic_models_run_one_by_one():
    with pytest.raises(SpecError) as caught:
        networks((0, 1, 2), preset="A28")
    assert str(caught.value) == (
        "Model lenet-A28 uses dropout, and its trials run one by one. Found a pack of 3 seeds."
    )


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_trunk_gradient_norm(seeds):
    made = networks(seeds)
    losses = made.losses(*batch(len(seeds)), 0)
    jacobian = losses.jacobian()
    losses.write(jacobian.sum(dim=1))
    torch.testing.assert_close(made.trunk_gradient_norm(), jacobian.sum(dim=1).norm(dim=1))


class Frozen(nn.BatchNorm1d):
    """Never in training mode, whatever the network is told."""

    def train(self, mode=True):
        return super().train(False)


@dataclass(frozen=True)
class FrozenNet(LeNet):
    def build(self, input_shape, tasks):
        network = super().build(input_shape, tasks)
        return SharedTrunk(nn.Sequential(network.trunk, Frozen(50)), dict(network.heads.items()))


@pytest.mark.parametrize("seeds", [(4,), (4, 7)])
def test_a_layer_with_a_mode_of_its_own_has_it_from_the_first_step_on(seeds):
    inputs, _ = batch(len(seeds))
    predictions = []
    for evaluated in (False, True):
        made = Networks(FrozenNet(), DATA.input_shape, DATA.tasks, seeds, COMPUTATION, "float64")
        if evaluated:
            made.predict(inputs)
        predictions.append(made.predict(inputs, training=True))
        assert (made.buffers["trunk.1.num_batches_tracked"] == 0).all()
    assert all(torch.equal(p, q) for p, q in zip(*predictions, strict=True))
