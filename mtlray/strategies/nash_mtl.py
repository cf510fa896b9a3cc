"""Nash-MTL: the tasks bargain over the direction, and take the one with the largest product of their gains."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray.checks import require
from mtlray.strategies.gramian import AbstractSolverWeighting, Matrix, Vector, clipped
from mtlray.strategies.numerics.alpha_fair import alpha_fair


@dataclass(frozen=True)
class NashMTL(AbstractSolverWeighting):
    r"""Nash-MTL (Navon et al., ICML 2022, claim 3.1 and algorithm 1).

    .. math::
        d = \sum_k w_k g_k, \qquad w > 0 \quad \text{with} \quad (G w)_k = \frac{1}{w_k} \text{ for each } k

    - :math:`g_k` is the gradient of task k's loss in the trunk, :math:`G` the matrix of their inner products.
    - `max_norm` bounds :math:`|d|`; None does not.

    Solved exactly, :math:`|d|^2 = w^\top G w = K` whatever the losses, so that at the published `max_norm` of one every step is
    cut, and the method is a direction of length one. Scaling a loss does not change it. It is `FairGrad` at alpha = 1, whose
    length is not bounded by default. With two tasks it is the bisector of the gradients, as with `IMTLG` and `ConFIG`.

    A task without a gradient weighs zero. Where gradients cancel, as opposite ones do, there are no such weights, and that is a
    solver error.

    Reading: the equations are solved to 1e-8 at each step, without memory of the step before: for two tasks in closed form,
    :math:`w_k = 1 / (|g_k| \sqrt{1 + \cos})` with the cosine of the gradients, for more by Newton's method. The authors' code,
    LibMTL and TorchJD take up to 20 steps of a sequence of convex approximations from the last weights, and go on with what
    they then have: on gradients whose lengths differ by 10^4 that is no solution.

    Each weight is proportional to the inverse of the gain that the direction brings to its task.

    >>> from mtlray import NashMTL, try_out
    >>> try_out(NashMTL(), [(2, 1)], [(3, 0), (-1, 1)]).weights
    tensor([[0.4355, 0.9239]])
    """

    max_norm: float | None = 1.0

    key: ClassVar[str] = "nash"
    source: ClassVar[str] = "Navon et al. 2022, ICML, claim 3.1"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.max_norm is None or self.max_norm > 0, "max_norm", "be positive or None", self.max_norm)

    def solve(self, gramian: Matrix) -> Vector:
        return clipped(alpha_fair(gramian, 1.0), gramian, self.max_norm)
