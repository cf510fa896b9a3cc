"""FairGrad: alpha-fair shares of the gain among the tasks, of which Nash bargaining is one case."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray.checks import require
from mtlray.strategies.gramian import AbstractSolverWeighting, Matrix, Vector, clipped
from mtlray.strategies.numerics.alpha_fair import alpha_fair


@dataclass(frozen=True)
class FairGrad(AbstractSolverWeighting):
    r"""FairGrad (Ban, Ji, ICML 2024, eq. 4).

    .. math::
        d = \sum_k w_k g_k, \qquad w > 0 \quad \text{with} \quad (G w)_k = w_k^{-1/\alpha} \text{ for each } k

    - :math:`g_k` is the gradient of task k's loss in the trunk, :math:`G` the matrix of their inner products.
    - :math:`\alpha` is `alpha`: 1 is `NashMTL`; the larger, the more the task that gains least counts. The authors' scripts
      use 2.
    - `max_norm` bounds :math:`|d|`; None, the default, does not.

    A task without a gradient weighs zero. Where gradients cancel, as opposite ones do, there are no such weights, and that is a
    solver error.

    Solved to 1e-8 by Newton's method. Where other code differs: the authors' code multiplies the direction by K and bounds its
    norm by one; TorchJD and LibMTL do neither, and like it minimise the squared residual, without a look at what is left.

    Each task gains the inverse square root of its weight.

    >>> from mtlray import FairGrad, try_out
    >>> try_out(FairGrad(), [(2, 1)], [(3, 0), (-1, 1)]).weights
    tensor([[0.5824, 1.3104]])
    """

    alpha: float = 2.0
    max_norm: float | None = None

    key: ClassVar[str] = "fairgrad"
    source: ClassVar[str] = "Ban and Ji 2024, ICML, eq. 4"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.alpha > 0, "alpha", "be positive", self.alpha)
        require(self.max_norm is None or self.max_norm > 0, "max_norm", "be positive or None", self.max_norm)

    def solve(self, gramian: Matrix) -> Vector:
        return clipped(alpha_fair(gramian, self.alpha), gramian, self.max_norm)
