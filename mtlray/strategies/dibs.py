"""DiBS-MTL: tasks bargain over a step within a ball, each pulling the harder the further it is from its own optimum."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Gramian, Losses, Weights
from mtlray.checks import integer, require
from mtlray.strategies.base import Faithfulness, State
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.strategies.numerics.cosines import divide, norms_and_cosines


@dataclass(frozen=True)
class DiBS(AbstractGramianWeighting):
    r"""Direction-based bargaining solution, DiBS-MTL (Murthy, Gupta et al., arXiv 2509.23948).

    .. math::
        d = \sum_k w_k g_k, \qquad w_k = \frac{1}{T |g_k|} \sum_{t < T} |x_t + u_k|, \qquad
        x_{t+1} = x_t - \frac{1}{T} \sum_k |x_t + u_k|\, u_k, \quad x_0 = 0

    - :math:`g_k` is the gradient of task k's loss in the trunk, :math:`u_k = g_k / |g_k|`.
    - :math:`x_t` is the step under discussion, in units of the ball's radius; task k would like :math:`-u_k` best.
    - :math:`T` is `n_steps`. The bargain ends early with a step that leaves the ball.

    With `n_steps=1` the direction is the sum of the unit gradients, whatever the scales of the losses. A task without a gradient
    weighs zero.

    Reading: as the authors' code, in which the radius is the learning rate and a step one n-th of it, but in units of the
    radius: the direction is then that of unit gradients, and the optimizer's learning rate scales it. Their bound of one on the
    direction never acts there. The heads follow their own losses here, and the weighted ones there (`head_grad="weighted"`).

    Both tasks have the same say.

    >>> from mtlray import DiBS, try_out
    >>> try_out(DiBS(), [(2, 1)], [(3, 0), (-1, 1)]).weights
    tensor([[0.3333, 0.7071]])
    """

    n_steps: int = 1

    key: ClassVar[str] = "dibs"
    source: ClassVar[str] = "Murthy et al. 2025, arXiv 2509.23948; authors' code"
    faithfulness: ClassVar[Faithfulness] = "reading"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(integer("n_steps", self.n_steps) >= 1, "n_steps", "be at least 1", self.n_steps)

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        del losses
        norms, cosines = norms_and_cosines(gramian)
        present = (norms > 0).to(gramian)
        # The step is minus the sum of the unit gradients with these shares.
        shares, products = torch.zeros_like(norms), torch.zeros_like(norms)
        square, inside = torch.zeros_like(norms[:, :1]), torch.ones_like(norms[:, :1])
        for _ in range(self.n_steps):
            pull = present * (square - 2 * products + 1).clamp(min=0).sqrt()
            shares = shares + inside * pull / self.n_steps
            products = (cosines @ shares.unsqueeze(2)).squeeze(2)
            square = (shares * products).sum(dim=1, keepdim=True)
            inside = inside * (square <= 1)
        return divide(shares, norms), state
