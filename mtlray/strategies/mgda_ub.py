"""MGDA-UB: MGDA on the gradients of the shared representation, an upper bound that costs one pass through the trunk."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from mtlray.axes import Counts, Seeds, Weights
from mtlray.strategies.base import AbstractGradientBased, State
from mtlray.strategies.mgda import MGDA, Normalisation
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses


@dataclass(frozen=True)
class MGDAUB(AbstractGradientBased):
    r"""MGDA-UB (Sener, Koltun, NeurIPS 2018, section 3.3).

    .. math::
        w = \arg\min_{w \ge 0,\, \sum_k w_k = 1} \Big| \sum_k w_k \frac{h_k}{n_k} \Big|^2, \qquad
        d = \frac{\partial z}{\partial \theta}^\top \sum_k w_k h_k = \sum_k w_k g_k

    - :math:`z` is the representation that all heads read, of all examples of the mini-batch.
    - :math:`h_k` is the gradient of task k's loss with respect to z, :math:`g_k` with respect to the trunk's parameters
      :math:`\theta`. The length of the sum of the :math:`g_k` is at most a factor times that of the :math:`h_k`.
    - :math:`n_k` is by `normalisation`, as in `MGDA`, with :math:`h_k` in place of :math:`g_k`.

    A step costs K backward passes through one head each, and one through the trunk; with `grad_scale="match_sum"` two. A model
    whose heads do not all read one representation is refused when a sweep is planned. A dropout mask serves trunk and heads:
    there is one forward pass.

    Where other code differs: LibMTL, with gradients of the representation, adds up those of the examples before it solves.

    Where the trunk hands on its parameters themselves, this is the direction of `MGDA`.

    >>> from mtlray import MGDAUB, try_out
    >>> try_out(MGDAUB(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.1765, 0.7059]])
    """

    normalisation: Normalisation = "none"
    on_solver_error: Literal["error", "fallback"] = field(default="error", kw_only=True)

    key: ClassVar[str] = "mgda_ub"
    source: ClassVar[str] = "Sener and Koltun 2018, NeurIPS, section 3.3"
    component_version: ClassVar[int] = 2
    backward_passes: ClassVar[str] = "1 + K heads"
    extra_memory: ClassVar[str] = "K·Z"
    needs_representation: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._solver()  # raises SpecError

    def _solver(self) -> MGDA:
        return MGDA(self.normalisation, on_solver_error=self.on_solver_error, grad_scale=self.grad_scale)

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return self._solver().init(tasks, seeds)

    def solver_fallbacks(self, state: State) -> Counts | None:
        return self._solver().solver_fallbacks(state)

    def backward(self, losses: Sequence[TaskLosses], state: State) -> tuple[Weights, State]:
        (batch,) = losses
        rows = batch.representation_jacobian()
        at_representation, weights, state = self._solver().aggregate(rows, batch.values.detach(), state)
        direction = batch.pull_back(at_representation, again=self.grad_scale == "match_sum")
        return self.apply(batch, direction, weights, lambda: batch.pull_back(rows.sum(dim=1))), state
