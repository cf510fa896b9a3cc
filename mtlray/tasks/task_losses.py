"""TaskLosses: what a strategy may look at. Asking for more costs more; nothing is computed that nobody asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mtlray.axes import Direction, Gramian, Jacobian, Losses, PerSeed, Representation, RepresentationJacobian, Weights
from mtlray.errors import SpecError


@dataclass(frozen=True, slots=True)
class JointHeads:
    """Heads that were computed as one, between the representation and the losses.

    `predictions` are tensors of the graph; each task's loss is a function of its own part of them. `back` takes the gradients
    there and gives each task's own at the representation, `[task, ...]`, and those of the parameters of each head.
    """

    predictions: Sequence[Tensor]
    back: Callable[[Sequence[Tensor]], tuple[Tensor, Sequence[Sequence[Tensor]]]]


@dataclass(frozen=True, slots=True)
class TaskLosses:
    """The losses of one mini-batch, with the ways to learn more about them.

    `values` is `[seed, task]`. `shared` are the trunk's parameters and `heads` those of each task's head; where `stacked`,
    each of them leads with a `seed` axis, else there is one trial and its parameters have their natural shapes.
    `representation` is what the trunk hands to all heads, in its natural shape where not `stacked`; None where the model has
    no single one. `measure` gives the tasks' bounded metrics on the predictions at hand. `separate` are the columns of `values`
    as they were before they were stacked; without them a backward pass from the loss of one task takes zeros through the heads
    of all others. `joint` is how heads that were computed as one give the gradients of all tasks in one pass through them.
    """

    values: Losses
    shared: Sequence[Tensor] = field(repr=False)
    heads: Sequence[Sequence[Tensor]] = field(repr=False)
    stacked: bool
    recompute: Callable[[], Losses] = field(repr=False)
    representation: Tensor | None = field(default=None, repr=False)
    measure: Callable[[], Losses] | None = field(default=None, repr=False)
    separate: Sequence[PerSeed] | None = field(default=None, repr=False)
    joint: JointHeads | None = field(default=None, repr=False)

    def total(self, task: int) -> Tensor:
        """The loss of one task, summed over the seeds, to start a backward pass from."""
        if (
            self.separate is None or not self.separate[task].requires_grad
        ):  # a constant has a gradient of zero in `values`
            return self.values[:, task].sum()
        return self.separate[task].sum()

    def again(self) -> Losses:
        """The same batch under the current parameters, without a graph; one more forward pass."""
        with torch.no_grad():
            return self.recompute()

    def jacobian(self) -> Jacobian:
        """Gradients of each task's loss with respect to the shared parameters; one backward pass a task.

        Also fills `.grad` of every head with the gradient of its own, unweighted loss. May be called once a batch.
        """
        n_seeds, n_tasks = self.values.shape
        pieces: list[Tensor] = []
        if self.joint is not None:
            rows, representation = self._rows(self.joint), self._representation()
            for task, row in enumerate(rows.unbind(0)):
                more = task < n_tasks - 1
                at_shared = torch.autograd.grad(representation, self.shared, row, retain_graph=more, allow_unused=True)
                pieces += self._pieces(at_shared)
            return torch.cat(pieces, dim=1).view(n_seeds, n_tasks, -1)
        for task in range(n_tasks):
            inputs = [*self.shared, *self.heads[task]]
            more = task < n_tasks - 1
            gradients = torch.autograd.grad(self.total(task), inputs, retain_graph=more, allow_unused=True)
            pieces += self._pieces(gradients[: len(self.shared)])
            _fill(self.heads[task], gradients[len(self.shared) :])
        return torch.cat(pieces, dim=1).view(n_seeds, n_tasks, -1)

    def _rows(self, joint: JointHeads) -> Tensor:
        """Fill `.grad` of every head, and return the gradients of each task's loss at the representation, `[task, ...]`."""
        gradients = torch.autograd.grad(self.values.sum(), joint.predictions)
        rows, of_heads = joint.back(gradients)
        for parameters, found in zip(self.heads, of_heads, strict=True):
            _fill(parameters, found)
        return rows

    def gramian(self) -> Gramian:
        """Inner products of the tasks' gradients, `jacobian @ jacobian.T`; the cost and effects of `jacobian`."""
        jacobian = self.jacobian()
        return jacobian @ jacobian.mT

    def representation_jacobian(self) -> RepresentationJacobian:
        """Gradients of each task's loss with respect to the shared representation; a backward pass through each head alone.

        A feature is one number of one example's representation. Also fills `.grad` of every head with the gradient of its
        own, unweighted loss, and leaves the trunk alone. May be called once a batch. Raises SpecError for a model without a
        single shared representation.
        """
        if self.joint is not None:
            found = self._rows(self.joint)
            return (found.flatten(2) if self.stacked else found.flatten(1).unsqueeze(1)).transpose(0, 1)
        shared, n_tasks, rows = self._representation(), self.values.shape[1], []
        for task in range(n_tasks):
            inputs = [shared, *self.heads[task]]
            more = task < n_tasks - 1
            row, *gradients = torch.autograd.grad(self.total(task), inputs, retain_graph=more, allow_unused=True)
            rows.append(self._flat(torch.zeros_like(shared) if row is None else row))
            _fill(self.heads[task], gradients)
        return torch.stack(rows, dim=1)

    def pull_back(self, gradient: Representation, *, again: bool = False) -> Direction:
        """A gradient at the shared representation, taken through the trunk to the shared parameters; one backward pass.

        `again` keeps what a further call needs.
        """
        shared = self._representation()
        at_shared = gradient.reshape(shared.shape)
        gradients = torch.autograd.grad(shared, self.shared, at_shared, retain_graph=again, allow_unused=True)
        return torch.cat(self._pieces(gradients), dim=1)

    def bounded_metrics(self) -> Losses:
        """Each task's bounded metric on this batch, `[seed, task]`, from 0 to 1; no further forward pass.

        The first of a task's metrics that has a bound and grows with success, such as accuracy, divided by its bound, on
        the predictions that gave `values`. Raises SpecError where a task has none.
        """
        if self.measure is None:
            raise SpecError(
                "These losses come without the predictions that a metric needs. Make them with `Networks.losses`."
            )
        return self.measure()

    def _representation(self) -> Tensor:
        if self.representation is None:
            raise SpecError(
                "The strategy needs a single representation that all heads read, and the model has none. Choose another "
                "strategy, such as MGDA in place of MGDAUB."
            )
        return self.representation

    def write(self, direction: Direction) -> None:
        """Put a direction into `.grad` of the shared parameters; the optimizer subtracts it."""
        sizes = [p[0].numel() if self.stacked else p.numel() for p in self.shared]
        for parameter, piece in zip(self.shared, torch.split(direction, sizes, dim=1), strict=True):
            parameter.grad = _laid_out_as(parameter, piece.reshape(parameter.shape))

    def weigh_heads(self, weights: Weights) -> None:
        """Multiply each head's gradient, as `jacobian` left it, by its task's weight."""
        for parameters, weight in zip(self.heads, weights.detach().unbind(dim=1), strict=True):
            for parameter in parameters:
                if parameter.grad is not None:  # not in place: autograd may give two parameters one gradient
                    factor = weight.reshape(-1, *[1] * (parameter.ndim - 1)) if self.stacked else weight[0]
                    parameter.grad = parameter.grad * factor

    def _pieces(self, gradients: Sequence[Tensor | None]) -> list[Tensor]:
        """Gradients of the shared parameters, flat; zero where a task does not read a part of the trunk."""
        filled = (torch.zeros_like(p) if g is None else g for p, g in zip(self.shared, gradients, strict=True))
        return [self._flat(g) for g in filled]

    def _flat(self, gradient: Tensor) -> Tensor:
        return gradient.flatten(1) if self.stacked else gradient.flatten().unsqueeze(0)


def _fill(parameters: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """Put gradients into `.grad`; none where a parameter takes no part, as after one backward pass over a loss."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is None or gradient.stride() == parameter.stride():
            parameter.grad = gradient
        else:
            parameter.grad = _laid_out_as(parameter, gradient)


def _laid_out_as(parameter: Tensor, gradient: Tensor) -> Tensor:
    """A copy with the parameter's strides: torch's fused SGD on the CPU reads memory in order and never looks at strides."""
    return torch.empty_like(parameter).copy_(gradient)
