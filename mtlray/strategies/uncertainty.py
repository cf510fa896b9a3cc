"""Uncertainty weighting: each task's observation noise is learned and weighs its loss."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mtlray.axes import Losses, PerSeed, Seeds, Weights
from mtlray.checks import require
from mtlray.errors import SpecError, unknown_name
from mtlray.strategies.base import AbstractWeighting, State
from mtlray.tasks.task import Task

# Factors (a, b) of the objective a exp(-s) L + b s.
_FACTORS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"gaussian": (0.5, 0.5), "categorical": (1.0, 0.5), "laplace": (1.0, 1.0)}
)

# How published code writes it: (form, initial s).
_PRESETS: Mapping[str, tuple[Literal["task", "gaussian", "categorical", "laplace"], float]] = MappingProxyType(
    {
        "mtan": ("gaussian", -0.5),
        "auto_lambda": ("gaussian", -0.7),
        "libmtl": ("gaussian", -0.5),
        "nash_mtl": ("gaussian", 0.0),
        "torchjd": ("gaussian", 0.0),
        "samsung_mtl": ("categorical", 0.0),
        "gal": ("laplace", 0.0),
        "allweights": ("laplace", 1.0),
    }
)


class _Bounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(value)
        ctx.bounds = low, high
        return value.clamp(low, high)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (value,), (low, high) = ctx.saved_tensors, ctx.bounds
        leads_away = ((value < low) & (gradient > 0)) | ((value > high) & (gradient < 0))
        return gradient.masked_fill(leads_away, 0), None, None


def bounded(value: Tensor, low: float, high: float) -> Tensor:
    """`value` clamped; beyond a bound, descent gets the gradient at the bound where it leads back, and zero where it leads away.

    Under a plain clamp there is no gradient beyond a bound, and a learned value that once got there stays for ever.
    """
    result: Tensor = _Bounded.apply(value, low, high)
    return result


@dataclass(frozen=True)
class Uncertainty(AbstractWeighting):
    r"""Uncertainty weighting (Kendall, Gal, Cipolla, CVPR 2018, eqs. 7 and 10).

    .. math:: \mathcal{L} = \sum_k a_k e^{-s_k} L_k + b_k s_k

    - :math:`s_k = \log \sigma_k^2` is learned, starting from `initial_log_variance`.
    - :math:`(a_k, b_k)` is (1/2, 1/2) for a Gaussian likelihood, (1, 1/2) for a softmax classification (the paper's
      approximation) and (1, 1) for a Laplace one, where :math:`s_k` is the logarithm of the scale.
    - The weight of task k is :math:`a_k e^{-s_k}`; at the optimum of :math:`s_k` it is :math:`b_k / L_k`, which grows without
      bound as a loss goes to zero.

    `form="task"` takes the factors from each task's likelihood; `form="gaussian"` and so on use one form for all tasks, as
    most published code does. `Uncertainty.preset("mtan")` and others give the published combinations.
    `log_variance_limit` keeps |s| below a bound; off by default. Beyond it, only a gradient that leads back moves s.

    Reading: s is trained by the trial's optimizer in a group of its own without weight decay, at the model's learning rate
    unless `strategy_lr` says otherwise. The original states neither the initial value nor the optimizer; we start from 0.
    The objective may be negative.

    The weights are trained: that of the larger loss falls first.

    >>> from mtlray import Uncertainty, try_out
    >>> try_out(Uncertainty(), [(2, 1), (1, 0.9), (0.8, 0.9)]).weights
    tensor([[1.0000, 1.0000],
            [0.8607, 0.9512],
            [0.8302, 0.9180]])
    """

    form: Literal["task", "gaussian", "categorical", "laplace"] = "task"
    initial_log_variance: float = 0.0
    log_variance_limit: float | None = None

    key: ClassVar[str] = "uncertainty"
    source: ClassVar[str] = "Kendall et al. 2018, CVPR, eqs. 7 and 10"
    extra_memory: ClassVar[str] = "K"

    def __post_init__(self) -> None:
        if self.form != "task" and self.form not in _FACTORS:
            raise unknown_name("form of uncertainty weighting", self.form, ["task", *_FACTORS])
        limit = self.log_variance_limit
        require(limit is None or limit > 0, "log_variance_limit", "be positive or None", limit)

    @classmethod
    def preset(cls, name: str) -> "Uncertainty":
        """The form and the initial value of a published implementation. Raises SpecError for an unknown name."""
        if name not in _PRESETS:
            raise unknown_name("preset of uncertainty weighting", name, _PRESETS)
        form, initial = _PRESETS[name]
        return cls(form=form, initial_log_variance=initial)

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises SpecError where a task has no likelihood and none is prescribed."""
        nameless = [task.name for task in tasks if task.likelihood == "none"]
        if self.form == "task" and nameless:
            raise SpecError(
                f"Uncertainty weighting needs a likelihood for each task. Found none for {', '.join(nameless)}. "
                'Declare it in the data set\'s tasks, or prescribe one with `Uncertainty(form="gaussian")`.'
            )

    def init(self, tasks: Sequence[Task], seeds: Seeds) -> State:
        forms = [task.likelihood if self.form == "task" else self.form for task in tasks]
        factors = torch.tensor([_FACTORS[form] for form in forms])
        start = torch.full((len(seeds), len(tasks)), float(self.initial_log_variance), requires_grad=True)
        loss_factor, log_factor = (column.expand(len(seeds), -1).clone() for column in factors.T)
        return State(params={"log_variance": start}, buffers={"loss_factor": loss_factor, "log_factor": log_factor})

    def combine(self, losses: Losses, state: State) -> tuple[PerSeed, Weights, State]:
        s = state.params["log_variance"]
        if self.log_variance_limit is not None:
            s = bounded(s, -self.log_variance_limit, self.log_variance_limit)
        weights = state.buffers["loss_factor"] * torch.exp(-s)
        return (weights * losses + state.buffers["log_factor"] * s).sum(dim=1), weights, state
