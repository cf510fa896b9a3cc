"""TaskLosses against autograd by hand, for one trial and for stacked ones."""

import dataclasses

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import STRATEGIES
from mtlray.tasks.task_losses import TaskLosses
from mtlray.testing import TASKS
from mtlray.training.contract import initial_state


class TwoTasks:
    """A trunk of two parameters and one head each for two tasks, with gradients known by hand."""

    def __init__(self, n_seeds):
        self.n_seeds, self.stacked = n_seeds, n_seeds > 1
        rng = torch.Generator().manual_seed(0)

        def parameter(*shape):
            values = torch.randn(n_seeds, *shape, generator=rng, dtype=torch.float64)
            return (values if self.stacked else values[0]).requires_grad_()

        self.w, self.b, self.u, self.v = parameter(2, 3), parameter(2), parameter(2), parameter(2)
        self.x = torch.randn(n_seeds, 3, generator=rng, dtype=torch.float64)

    def represent(self):
        if self.stacked:
            return (self.w @ self.x.unsqueeze(2)).squeeze(2) + self.b
        return self.w @ self.x[0] + self.b

    def read(self, z):
        z, u, v = (p if self.stacked else p.unsqueeze(0) for p in (z, self.u, self.v))
        return torch.stack([(u * z).sum(1), (v * z.square()).sum(1)], dim=1)

    def values(self):
        return self.read(self.represent())

    def losses(self):
        z = self.represent()
        return TaskLosses(
            values=self.read(z),
            shared=[self.w, self.b],
            heads=[[self.u], [self.v]],
            stacked=self.stacked,
            recompute=self.values,
            representation=z,
        )

    def by_hand(self):
        """The Jacobian `[seed, task, 8]` and both heads' gradients, from the formulas."""
        w, b, u, v = (p.detach().reshape(self.n_seeds, *p.shape[-dim:]) for p, dim in self.shapes())
        z = (w @ self.x.unsqueeze(2)).squeeze(2) + b
        dz = torch.stack([u, 2 * v * z], dim=1)  # [seed, task, 2]
        dw = dz.unsqueeze(3) * self.x[:, None, None, :]
        return torch.cat([dw.flatten(2), dz], dim=2), z, z.square()

    def shapes(self):
        return zip((self.w, self.b, self.u, self.v), (2, 1, 1, 1), strict=True)


@pytest.fixture(params=[1, 3], ids=["one trial", "stacked"])
def problem(request):
    return TwoTasks(request.param)


def test_jacobian(problem):
    expected, du, dv = problem.by_hand()
    found = problem.losses().jacobian()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(problem.u.grad.reshape(du.shape), du)
    torch.testing.assert_close(problem.v.grad.reshape(dv.shape), dv)
    assert problem.w.grad is None, "the trunk's gradient is for the strategy to write"


def test_gramian(problem):
    expected, _, _ = problem.by_hand()
    torch.testing.assert_close(problem.losses().gramian(), torch.einsum("stp,sup->stu", expected, expected))


def test_representation_jacobian(problem):
    jacobian, du, dv = problem.by_hand()
    found = problem.losses().representation_jacobian()
    torch.testing.assert_close(found, jacobian[:, :, 6:], msg="the bias adds to z, so their gradients are equal")
    torch.testing.assert_close(problem.u.grad.reshape(du.shape), du)
    torch.testing.assert_close(problem.v.grad.reshape(dv.shape), dv)
    assert problem.w.grad is None, "the trunk is left alone"


def test_through_the_trunk_a_combination_at_the_representation_is_that_of_the_jacobian(problem):
    jacobian, *_ = problem.by_hand()
    weights = torch.tensor([[0.25, -2.0], [1.0, 0.5], [0.0, 3.0]], dtype=torch.float64)[: problem.n_seeds]
    losses = problem.losses()
    rows = losses.representation_jacobian()
    for factor, again in ((1.0, True), (2.0, False)):
        found = losses.pull_back((factor * weights.unsqueeze(2) * rows).sum(dim=1), again=again)
        torch.testing.assert_close(found, (factor * weights.unsqueeze(2) * jacobian).sum(dim=1))
    assert problem.w.grad is None, "the direction is for the strategy to write"


def test_without_a_single_representation_or_predictions_there_is_a_refusal(problem):
    losses = TaskLosses(
        problem.values(), [problem.w, problem.b], [[problem.u], [problem.v]], problem.stacked, problem.values
    )
    with pytest.raises(SpecError, match="single representation that all heads read, and the model has none"):
        losses.representation_jacobian()
    with pytest.raises(SpecError, match="without the predictions that a metric needs"):
        losses.bounded_metrics()


def test_write(problem):
    direction = torch.arange(problem.n_seeds * 8, dtype=torch.float64).reshape(problem.n_seeds, 8)
    problem.losses().write(direction)
    torch.testing.assert_close(problem.w.grad.reshape(-1, 6), direction[:, :6])
    torch.testing.assert_close(problem.b.grad.reshape(-1, 2), direction[:, 6:])
    direction.zero_()
    assert problem.b.grad.abs().sum() > 0, "what was written is a copy"


def test_writing_the_sum_of_the_jacobian_is_plain_backward(problem):
    losses = problem.losses()
    losses.write(losses.jacobian().sum(dim=1))
    written = [p.grad.clone() for p in (problem.w, problem.b, problem.u, problem.v)]
    for p in (problem.w, problem.b, problem.u, problem.v):
        p.grad = None
    problem.values().sum().backward()
    for p, gradient in zip((problem.w, problem.b, problem.u, problem.v), written, strict=True):
        torch.testing.assert_close(p.grad, gradient)


def test_heads_can_be_weighed(problem):
    losses = problem.losses()
    losses.jacobian()
    _, du, dv = problem.by_hand()
    weights = torch.arange(1.0, 1 + 2 * problem.n_seeds, dtype=torch.float64).reshape(problem.n_seeds, 2)
    losses.weigh_heads(weights)
    torch.testing.assert_close(problem.u.grad.reshape(du.shape), weights[:, :1] * du)
    torch.testing.assert_close(problem.v.grad.reshape(dv.shape), weights[:, 1:] * dv)


def test_again_sees_new_parameters_without_a_graph(problem):
    losses = problem.losses()
    assert torch.equal(losses.again(), losses.values.detach())
    with torch.no_grad():
        problem.u.zero_()
    again = losses.again()
    assert again[:, 0].tolist() == [0.0] * problem.n_seeds
    assert not again.requires_grad
    assert (losses.values[:, 0] != 0).all(), "the values of before stay"


@pytest.mark.parametrize("fused", [False, True])
def test_gradients_lie_in_memory_as_their_parameters(fused):
    """torch's fused SGD takes a gradient with other strides for one with the parameter's, and writes nonsense."""
    rng = torch.Generator().manual_seed(0)
    trunk = torch.randn(4, 3, 2, 2, generator=rng, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    head = torch.randn(4, 3, generator=rng, dtype=torch.float64)
    x = torch.randn(5, 3, 2, 2, generator=rng, dtype=torch.float64)
    start = [trunk.clone(), head.clone()]
    for parameter in (trunk, head):
        parameter.requires_grad_()

    def values():
        z = torch.nn.functional.conv2d(x, trunk).flatten(1)
        return torch.stack([(z @ head).square().mean(), z.sum() + head.sum()]).unsqueeze(0)

    losses = TaskLosses(values=values()[:, :1], shared=[trunk], heads=[[head]], stacked=False, recompute=values)
    expected = torch.autograd.grad(values()[0, 0], [trunk, head])
    losses.write(losses.jacobian()[:, 0])
    torch.optim.SGD([trunk, head], lr=0.5, fused=fused).step()
    for parameter, before, gradient in zip((trunk, head), start, expected, strict=True):
        assert parameter.grad.stride() == parameter.stride()
        torch.testing.assert_close(parameter.detach(), before - 0.5 * gradient)


class Blocked(torch.autograd.Function):
    """The identity, with a backward pass that must not be run."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise AssertionError("this task's head takes no part")


def test_the_backward_pass_of_a_task_leaves_out_the_heads_of_the_others(problem):
    values = problem.values()
    first, second = values.unbind(dim=1)
    other = Blocked.apply(second)
    mixed = dataclasses.replace(problem.losses(), values=torch.stack([first, other], dim=1), separate=[first, other])
    (found,) = torch.autograd.grad(mixed.total(0), [problem.w], retain_graph=True)
    torch.testing.assert_close(found, torch.autograd.grad(values[:, 0].sum(), [problem.w])[0])
    stacked = dataclasses.replace(mixed, separate=None)
    with pytest.raises(AssertionError, match="takes no part"):
        torch.autograd.grad(stacked.total(0), [problem.w])


def test_separate_losses_have_the_same_gradients(problem):
    jacobian, du, dv = problem.by_hand()
    for constant in (False, True):
        values = problem.values()
        columns = [values[:, 0], values[:, 1].detach() if constant else values[:, 1]]
        losses = dataclasses.replace(problem.losses(), values=torch.stack(columns, dim=1), separate=columns)
        expected = jacobian.clone()
        expected[:, 1] *= not constant
        torch.testing.assert_close(losses.jacobian(), expected)
        torch.testing.assert_close(problem.u.grad.reshape(du.shape), du)
        torch.testing.assert_close(problem.v.grad.reshape(dv.shape), dv * (not constant))


class Apart:
    """Three parameters of a trunk, of which the first task reads the first two and the second task the last two."""

    def __init__(self, n_seeds):
        rng = torch.Generator().manual_seed(1)
        lead = (n_seeds,) if n_seeds > 1 else ()
        make = lambda: torch.randn(*lead, 2, generator=rng, dtype=torch.float64).requires_grad_()  # noqa: E731
        self.shared, self.heads, self.idle = [make(), make(), make()], [[make()], [make()]], make()
        self.stacked, self.n_seeds = n_seeds > 1, n_seeds

    def losses(self):
        first, both, last = self.shared
        sides = [(first * both * self.heads[0][0]).square(), (last * both * self.heads[1][0]).square()]
        values = torch.stack([s.sum(dim=-1).reshape(self.n_seeds) for s in sides], dim=1)
        heads = [self.heads[0], [*self.heads[1], self.idle]]
        return TaskLosses(values, self.shared, heads, self.stacked, lambda: values.detach())


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_a_part_of_the_trunk_that_a_task_does_not_read_has_a_gradient_of_zero(n_seeds):
    apart = Apart(n_seeds)
    jacobian = apart.losses().jacobian()
    assert (jacobian[:, 0, 4:] == 0).all()
    assert (jacobian[:, 1, :2] == 0).all()
    assert (jacobian[:, 0, :4] != 0).all()
    assert (jacobian[:, 1, 2:] != 0).all()
    assert apart.idle.grad is None, "as after one backward pass over the loss"
    of_head = apart.heads[1][0].grad.clone()
    apart.heads[1][0].grad = None
    apart.losses().values[:, 1].sum().backward()
    torch.testing.assert_close(of_head, apart.heads[1][0].grad)


@pytest.mark.parametrize("n_seeds", [1, 3])
@pytest.mark.parametrize("cls", [c for c in STRATEGIES if c.kind == "gradient-based"], ids=lambda c: c.key)
def test_gradient_based_strategies_train_tasks_that_read_parts_of_the_trunk(cls, n_seeds):
    if cls.needs_representation:
        pytest.skip("there is no single representation")
    apart, strategy = Apart(n_seeds), cls()
    state = initial_state(strategy, TASKS[:2], range(n_seeds), torch.device("cpu"), torch.float64, n_shared=6)
    weights, _ = strategy.backward([apart.losses() for _ in range(strategy.batches_per_step)], state)
    if torch.isfinite(weights).all():
        jacobian = apart.losses().jacobian()
        found = torch.cat([p.grad.reshape(n_seeds, -1) for p in apart.shared], dim=1)
        torch.testing.assert_close(found, (weights.unsqueeze(2) * jacobian).sum(dim=1))
