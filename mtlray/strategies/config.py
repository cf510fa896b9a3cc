"""Conflict-free inverse gradients: equal cosines with all tasks, and a length that is the sum of the projections."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray.axes import Gramian, Losses, Weights
from mtlray.strategies.base import State
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.strategies.numerics.cosines import divide, equal_cosines


@dataclass(frozen=True)
class ConFIG(AbstractGramianWeighting):
    r"""Conflict-free inverse gradients (ConFIG; Liu, Chu, Thuerey, ICLR 2025, eq. 2).

    .. math::
        d = \Big( \sum_k g_k^\top v \Big) v, \qquad v = \frac{U^{+} \mathbf{1}}{|U^{+} \mathbf{1}|}

    - :math:`g_k` is the gradient of task k's loss in the trunk; the rows of :math:`U` are the :math:`g_k / |g_k|`.
    - :math:`U^{+}` is the pseudoinverse; :math:`v` has the same cosine with every gradient.

    :math:`U^{+} = U^\top (U U^\top)^{+}`, so the direction is a weighted sum of the gradients and its weights are recorded.
    Without conflict between any two tasks it need not be the sum of the gradients. Of two opposite gradients it is zero. A task
    without a gradient is left out.

    Reading: the pseudoinverse is taken in float64 and cut off at singular values of 1e-6 of the largest. Where other code
    differs: the authors' code and TorchJD leave torch's cut-off, the number of parameters times the float32 epsilon, which for a
    million parameters drops singular values up to 0.12 of the largest.

    The cosine with both gradients is the same.

    >>> from mtlray import ConFIG, try_out
    >>> try_out(ConFIG(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.6464, 1.5607]])
    """

    key: ClassVar[str] = "config"
    source: ClassVar[str] = "Liu et al. 2025, ICLR, arXiv 2408.11104, eq. 2"

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        del losses
        shares = equal_cosines(gramian)
        projections = (gramian @ shares.unsqueeze(2)).squeeze(2)
        square = (shares * projections).sum(dim=1, keepdim=True)
        return shares * divide(projections.sum(dim=1, keepdim=True), square), state
