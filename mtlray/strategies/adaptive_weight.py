"""Adaptive weight assignment: a task with a larger loss weighs more. A reconstruction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.errors import unknown_name
from mtlray.strategies.base import AbstractWeighting, Faithfulness, State
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class AdaptiveWeight(AbstractWeighting):
    r"""Adaptive weight assignment (after Huq and Pervin, IJ-AI 2022; a reconstruction).

    .. math::
        \mathcal{L} = \sum_k w_k L_k, \qquad w_k = K \frac{L_k}{\sum_j L_j}
        \quad \text{or} \quad w_k = K \frac{\exp(L_k / T)}{\sum_j \exp(L_j / T)}

    - :math:`L_k` is the mini-batch loss of task k; in the weights it is a constant for the gradient.
    - :math:`K` is the number of tasks; the weights sum to it.
    - :math:`T` is `temperature`, of `form="softmax"` only; the larger, the more uniform the weights.

    `form` is "ratio" or "softmax". `cadence="epoch"` takes the mean losses of the epoch before; then all weigh one in the
    first epoch. The direction is opposite to `EMA` and uncertainty weighting: beside a cross-entropy near one, a squared
    error of 0.03 almost vanishes.

    Reading: the paper's formula could not be had. The first author's repositories (AllWeights, MTL) lack it but for a commented
    import of a `LossSoftmax` that was never committed, which leans to the softmax. The abstract says that more difficult tasks
    get more weight; that the loss share is meant, and at each batch, is a guess: run both forms. Results are not the paper's.

    The larger loss weighs more, and the weights sum to the number of tasks.

    >>> from mtlray import AdaptiveWeight, try_out
    >>> try_out(AdaptiveWeight(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[1.3333, 0.6667],
            [1.0526, 0.9474],
            [0.9412, 1.0588]])
    """

    form: Literal["ratio", "softmax"] = "ratio"
    cadence: Literal["batch", "epoch"] = "batch"
    temperature: float = 1.0

    key: ClassVar[str] = "adaptive_weight"
    source: ClassVar[str] = "after Huq and Pervin 2022, IJ-AI 11(1), abstract (reconstruction)"
    faithfulness: ClassVar[Faithfulness] = "reconstruction"
    extra_memory: ClassVar[str] = "K"

    def __post_init__(self) -> None:
        if self.form not in ("ratio", "softmax"):
            raise unknown_name("form of adaptive weight assignment", self.form, ["ratio", "softmax"])
        if self.cadence not in ("batch", "epoch"):
            raise unknown_name("cadence", self.cadence, ["batch", "epoch"])
        require(self.temperature > 0, "temperature", "be positive", self.temperature)
        if self.form == "ratio":
            require(
                self.temperature == 1, "temperature", 'be 1 with `form = "ratio"`, which has none', self.temperature
            )

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        # Equal values give equal weights, whatever the form; only `cadence="epoch"` reads them.
        return State(buffers={"values": torch.ones(len(seeds), len(tasks))} if self.cadence == "epoch" else {})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        values = losses.detach() if self.cadence == "batch" else state.buffers["values"]
        if self.form == "softmax":
            share = torch.softmax(values / self.temperature, dim=1)
        else:
            total = values.sum(dim=1, keepdim=True)
            share = torch.where(total > 0, values / total, torch.full_like(values, 1 / losses.shape[1]))
        weights = losses.shape[1] * share
        return (weights * losses).sum(dim=1), weights, state

    def end_epoch(self, mean_losses: Losses, state: State) -> State:
        return state.with_buffers(values=mean_losses) if self.cadence == "epoch" else state
