"""Random loss weighting: new random weights at each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.strategies.base import AbstractWeighting, State
from mtlray.strategies.numerics.streams import ON_CPU, sent, streams, streams_init
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class RLW(AbstractWeighting):
    r"""Random loss weighting (Lin et al., TMLR 2022, algorithm 2, with the normal distribution).

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad w = \mathrm{softmax}(v), \quad v \sim \mathcal{N}(0, I)

    - :math:`L_k` is the mini-batch loss of task k.
    - :math:`v` is drawn anew at each step; the weights sum to one, not to the number of tasks.

    A litmus test: a method that learns its weights should be better than weights without meaning.

    Reading: each step's draw is a function of the trial's seed and the step's number, so that nothing but a counter is
    stored. Where other code differs: IGB4MTL multiplies the weights
    by K.

    The weights are random, anew for each batch, and sum to one.

    >>> from mtlray import RLW, try_out
    >>> try_out(RLW(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[0.5509, 0.4491],
            [0.5700, 0.4300],
            [0.2881, 0.7119]])
    """

    key: ClassVar[str] = "rlw"
    source: ClassVar[str] = "Lin et al. 2022, TMLR, algorithm 2"
    extra_memory: ClassVar[str] = "1"
    on_cpu: ClassVar[tuple[str, ...]] = ON_CPU

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        return State(buffers=streams_init(seeds))

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        generators, state = streams(state)
        # Drawn in float64 on the CPU, so that neither precision nor device changes the numbers.
        draws = [torch.randn(losses.shape[1], generator=g, dtype=torch.float64) for g in generators]
        weights = sent(torch.softmax(torch.stack(draws), dim=1), losses.device).to(losses)
        return (weights * losses).sum(dim=1), weights, state
