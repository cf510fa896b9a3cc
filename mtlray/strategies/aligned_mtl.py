"""Aligned-MTL: the tasks' gradients are made orthogonal and equally long before they are averaged."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Gramian, Losses, Weights
from mtlray.checks import require_choice
from mtlray.strategies.base import Faithfulness, State
from mtlray.strategies.gramian import AbstractGramianWeighting
from mtlray.strategies.numerics.cosines import RANK_TOLERANCE


@dataclass(frozen=True)
class AlignedMTL(AbstractGramianWeighting):
    r"""Aligned-MTL (Senushkin, Patakin, Kuznetsov, Konushin, CVPR 2023, algorithm 1).

    .. math::
        d = \frac{1}{K} \sum_k \hat g_k, \qquad \hat J = B J, \quad B = \sigma V \Lambda^{-1/2} V^\top, \quad
        J J^\top = V \Lambda V^\top

    - The rows of :math:`J` are the gradients :math:`g_k` of the tasks' losses in the trunk.
    - :math:`\sigma` is by `scale_mode`: "min" the smallest singular value of :math:`J`, as in the paper; "median" the square
      root of the (lower) median of :math:`\Lambda`; "rmse" that of its mean.

    All singular values of :math:`B J` equal :math:`\sigma`. Where gradients are dependent, singular values below 1e-6 of the
    largest count as zero and are left out; where all gradients are zero, so is the direction.

    Reading: the tasks' preferences are 1/K, as in TorchJD; the sum over the tasks in LibMTL is K times as long.

    The gradients are made orthogonal and equally long, then averaged.

    >>> from mtlray import AlignedMTL, try_out
    >>> try_out(AlignedMTL(), [(2, 1)], [(3, 0), (-1, 1)]).directions
    tensor([[0.3433, 0.5721]])
    """

    scale_mode: Literal["min", "median", "rmse"] = "min"

    key: ClassVar[str] = "aligned"
    source: ClassVar[str] = "Senushkin et al. 2023, CVPR, algorithm 1"
    faithfulness: ClassVar[Faithfulness] = "reading"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_choice("scale_mode", self.scale_mode, ("min", "median", "rmse"))

    def weigh(self, gramian: Gramian, losses: Losses, state: State) -> tuple[Weights, State]:
        del losses
        values, vectors = torch.linalg.eigh(gramian)  # ascending
        kept = values > RANK_TOLERANCE * values[:, -1:]
        n_tasks, rank = values.shape[1], kept.sum(dim=1, keepdim=True)
        if self.scale_mode == "rmse":
            square = (values * kept).sum(dim=1, keepdim=True) / rank.clamp(min=1)
        else:
            place = n_tasks - rank + ((rank - 1) // 2 if self.scale_mode == "median" else 0)
            square = values.gather(1, place.clamp(0, n_tasks - 1))
        roots = (square / values.masked_fill(~kept, 1.0)).clamp(min=0).sqrt() * kept
        mean = torch.full_like(values, 1 / n_tasks).unsqueeze(2)
        weights = (vectors @ (roots.unsqueeze(2) * (vectors.mT @ mean))).squeeze(2)
        return torch.where(rank > 0, weights, mean.squeeze(2)), state
