"""TaskLosses: what a strategy may look at. Asking for more costs more; nothing is computed that nobody asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlray.axes import Direction, Gramian, Jacobian, Losses, Weights


@dataclass(frozen=True, slots=True)
class TaskLosses:
    """The losses of one mini-batch, with the ways to learn more about them.

    `values` is `[seed, task]`. `shared` are the trunk's parameters and `heads` those of each task's head; where `stacked`,
    each of them leads with a `seed` axis, else there is one trial and its parameters have their natural shapes.
    """

    values: Losses
    shared: Sequence[Tensor] = field(repr=False)
    heads: Sequence[Sequence[Tensor]] = field(repr=False)
    stacked: bool
    recompute: Callable[[], Losses] = field(repr=False)

    def again(self) -> Losses:
        """The same batch under the current parameters, without a graph; one more forward pass."""
        with torch.no_grad():
            return self.recompute()

    def jacobian(self) -> Jacobian:
        """Gradients of each task's loss with respect to the shared parameters; one backward pass a task.

        Also fills `.grad` of every head with the gradient of its own, unweighted loss. May be called once a batch.
        """
        n_tasks = self.values.shape[1]
        rows = []
        for task in range(n_tasks):
            inputs = [*self.shared, *self.heads[task]]
            gradients = torch.autograd.grad(self.values[:, task].sum(), inputs, retain_graph=task < n_tasks - 1)
            rows.append(torch.cat([self._flat(g) for g in gradients[: len(self.shared)]], dim=1))
            for parameter, gradient in zip(self.heads[task], gradients[len(self.shared) :], strict=True):
                parameter.grad = _laid_out_as(parameter, gradient)
        return torch.stack(rows, dim=1)

    def gramian(self) -> Gramian:
        """Inner products of the tasks' gradients, `jacobian @ jacobian.T`; the cost and effects of `jacobian`."""
        jacobian = self.jacobian()
        return jacobian @ jacobian.mT

    def write(self, direction: Direction) -> None:
        """Put a direction into `.grad` of the shared parameters; the optimizer subtracts it."""
        sizes = [p[0].numel() if self.stacked else p.numel() for p in self.shared]
        for parameter, piece in zip(self.shared, torch.split(direction, sizes, dim=1), strict=True):
            parameter.grad = _laid_out_as(parameter, piece.reshape(parameter.shape))

    def weigh_heads(self, weights: Weights) -> None:
        """Multiply each head's gradient, as `jacobian` left it, by its task's weight."""
        for parameters, weight in zip(self.heads, weights.detach().unbind(dim=1), strict=True):
            for gradient in (p.grad for p in parameters):
                if gradient is not None:
                    gradient.mul_(weight.reshape(-1, *[1] * (gradient.ndim - 1)) if self.stacked else weight[0])

    def _flat(self, gradient: Tensor) -> Tensor:
        return gradient.flatten(1) if self.stacked else gradient.flatten().unsqueeze(0)


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """A copy with the parameter's strides: torch's fused SGD on the CPU reads memory in order and never looks at strides."""
    return torch.empty_like(parameter).copy_(gradient)
