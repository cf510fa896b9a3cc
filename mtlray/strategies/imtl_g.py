"""Impartial multi-task learning, gradient balance: the same projection on every task's gradient."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray.axes import Gramian, Losses, Weights
from mtlray.strategies.base import State
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.strategies.numerics.cosines import RANK_TOLERANCE, equal_cosines, has_equal_cosines


@dataclass(frozen=True)
class IMTLG(AbstractGramianWeighting):
    r"""Impartial multi-task learning, gradient balance (IMTL-G; Liu et al., ICLR 2021).

    .. math::
        d = \sum_k w_k g_k \quad \text{with} \quad u_1^\top d = \dots = u_K^\top d, \qquad \sum_k w_k = 1

    - :math:`g_k` is the gradient of task k's loss in the trunk, :math:`u_k = g_k / |g_k|`.
    - In closed form :math:`w \propto N^{-1} C^{+} \mathbf{1}` with the norms :math:`N = \mathrm{diag}(|g_k|)` and the cosines
      :math:`C = (u_i^\top u_j)`, which is :math:`G^{+}` times the norms where the gradients are independent.

    The weights may be negative. Where their sum before scaling is negative, scaling it to one turns the direction against every
    task: the equations are the source's, and they allow it. Two tasks cannot do that.

    Reading: where gradients are dependent and a direction other than zero has equal projections, as for twins, the
    pseudoinverse shares it out, as in the Jacobian descent paper and TorchJD. Several weights then make the same direction, and
    that those with the smallest shares sum to one is what fixes its length. Where the direction zero alone has equal
    projections, as for opposite gradients or three in a plane, all weights are zero; TorchJD takes the least-squares solution,
    whose projections differ. A task without a gradient is left out. LibMTL inverts a matrix, which fails there.

    The projections on both unit gradients are equal.

    >>> from mtlray import IMTLG, try_out
    >>> try_out(IMTLG(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.2815, 0.6796]])
    """

    key: ClassVar[str] = "imtl_g"
    source: ClassVar[str] = "Liu et al. 2021, ICLR (IMTL-G)"
    component_version: ClassVar[int] = 2

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        del losses
        shares = equal_cosines(gramian)
        total = shares.sum(dim=1, keepdim=True)
        none = total.abs() <= RANK_TOLERANCE * shares.abs().sum(dim=1, keepdim=True)
        none |= ~has_equal_cosines(gramian, shares).unsqueeze(1)
        return (shares / total.masked_fill(none, 1.0)).masked_fill(none, 0.0), state
