"""An optimizer class of one's own: how it is declared, and whether a trial can train with it and continue from a checkpoint."""

import dataclasses
import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mtlray.checks import require
from mtlray.errors import SpecError
from mtlray.specs.optimizer import OptimizerSpec
from mtlray.words.values import shortest

Settings = Mapping[str, Any] | tuple[tuple[str, Any], ...]

_BY_PARAMETER = (
    "keep all that it remembers in `self.state[parameter]`, as tensors or numbers: checkpoints hold nothing else"
)


@dataclass(frozen=True)
class OwnOptimizer(OptimizerSpec):
    """A class of your own that derives from `torch.optim.Optimizer`, with its further arguments as `settings`.

    It is built as `optimizer(groups, lr=lr, **settings)`, once for each seed of a pack, and keeps what it remembers by parameter.
    `weight_decay` is handed over where the class takes it. The class's code is part of a trial's identity. Raises SpecError for
    arguments that the class does not take, and for a class that needs a closure or sparse gradients, replaces parameters in
    place of changing them, or would not continue from a checkpoint as if it had not stopped: a few steps on two small parameters
    are tried.

    >>> import torch
    >>> from mtlray import OwnOptimizer
    >>> class SignSGD(torch.optim.Optimizer):
    ...     def __init__(self, params, lr, scale=1.0):
    ...         super().__init__(params, {"lr": lr, "scale": scale})
    ...
    ...     @torch.no_grad()
    ...     def step(self):
    ...         for group in self.param_groups:
    ...             for p in group["params"]:
    ...                 if p.grad is not None:
    ...                     p.sub_(group["lr"] * group["scale"] * p.grad.sign())
    >>> OwnOptimizer(SignSGD, lr=0.01, settings={"scale": 2.0}).label
    'signsgd(scale=2)'
    """

    optimizer: type[torch.optim.Optimizer]
    settings: Settings = ()

    key: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        super().__post_init__()
        a_class = isinstance(self.optimizer, type) and issubclass(self.optimizer, torch.optim.Optimizer)
        require(a_class, "optimizer", "be a class that derives from torch.optim.Optimizer", self.optimizer)
        pairs = tuple(self.settings.items() if isinstance(self.settings, Mapping) else self.settings)
        named = all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs)
        require(named, "settings", 'map arguments of the class to their values, as {"momentum": 0.9}', self.settings)
        frozen = tuple(sorted((str(n), tuple(v) if isinstance(v, list) else v) for n, v in pairs))
        object.__setattr__(self, "settings", frozen)
        self._check_arguments()
        _try(self)

    @property
    def label(self) -> str:
        """The class's name, with its settings and those of `OptimizerSpec` that differ from their defaults."""
        name = self.optimizer.__name__.lower()
        shown = [f"{n}={shortest(v)}" for n, v in dict(self.settings).items()]
        ours = sorted(dataclasses.fields(OptimizerSpec), key=lambda f: f.name)
        changed = [f.name for f in ours if f.name != "lr" and getattr(self, f.name) != f.default]
        shown += [f"{n}={shortest(getattr(self, n))}" for n in changed]
        return f"{name}({','.join(shown)})" if shown else name

    @property
    def takes_weight_decay(self) -> bool:
        """Whether the class has an argument of that name."""
        return "weight_decay" in _parameters(self.optimizer)

    def _check_arguments(self) -> None:
        name, known = self.optimizer.__name__, _parameters(self.optimizer)
        ours = ("lr", "weight_decay")
        for setting in dict(self.settings):
            require(
                setting not in ours, "settings", f"leave out `{setting}`, which is an argument of OwnOptimizer", setting
            )
            if setting not in known and None not in known:
                near = difflib.get_close_matches(setting, [n for n in known if n], n=1)
                hint = f" Did you mean `{near[0]}`?" if near else ""
                takes = ", ".join(str(n) for n in known if n)
                raise SpecError(
                    f"{name} should take each of its `settings`. Found `{setting}`.{hint} It takes: {takes}."
                )
        if "lr" not in known and None not in known:
            raise SpecError(
                f"{name} should take the learning rate as `lr`, which schedules change. It takes: {', '.join(map(str, known))}."
            )
        if self.weight_decay and not self.takes_weight_decay:
            raise SpecError(
                f"{name} has no argument `weight_decay`. Found `weight_decay = {self.weight_decay}`. Leave it out."
            )
        given = {*ours, *dict(self.settings)}
        missing = [n for n, required in known.items() if n and required and n not in given]
        if missing:
            raise SpecError(f"{name} needs a value of `{missing[0]}`. Give it in `settings`.")


def _parameters(cls: type) -> dict[str | None, bool]:
    """The arguments of a class after the parameters, and whether each needs a value; None stands for any further name."""
    _, *others = inspect.signature(cls).parameters.values()
    found: dict[str | None, bool] = {}
    for argument in others:
        any_name = argument.kind is inspect.Parameter.VAR_KEYWORD
        if argument.kind is not inspect.Parameter.VAR_POSITIONAL:
            found[None if any_name else argument.name] = not any_name and argument.default is inspect.Parameter.empty
    return found


def build_own(spec: OwnOptimizer, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """An object of the class for groups of parameters; their weight decay is left out where the class has none."""
    if not spec.takes_weight_decay:
        groups = [{name: value for name, value in group.items() if name != "weight_decay"} for group in groups]
    build: Any = spec.optimizer
    settings: dict[str, Any] = dict(spec.settings)
    optimizer: torch.optim.Optimizer = build(groups, lr=spec.lr, **settings)
    return optimizer


def packed(slots: Mapping[str, Any], of: Tensor) -> dict[str, Tensor]:
    """What an optimizer remembers of a parameter as tensors that lead with an axis of one; the names say what was no tensor.

    Raises TypeError for anything besides tensors, numbers and None.
    """
    found: dict[str, Tensor] = {}
    for key, value in slots.items():
        if isinstance(value, Tensor):
            away = value.device.type != of.device.type
            found[f"{key}:host" if away else key] = value.detach().unsqueeze(0).clone()
        elif value is None:
            found[f"{key}:none"] = torch.zeros(1)
        elif isinstance(value, int | float):
            kind = type(value).__name__
            found[f"{key}:{kind}"] = torch.tensor([value], dtype=torch.float64 if kind == "float" else torch.int64)
        else:
            raise TypeError(f"`{key}` of type {type(value).__name__}")
    return found


def unpacked(slots: Mapping[str, Tensor], of: Tensor) -> dict[str, Any]:
    """What `packed` was given, for a parameter."""
    found: dict[str, Any] = {}
    for name, value in slots.items():
        key, _, kind = name.partition(":")
        if kind in ("int", "float", "bool"):
            found[key] = {"int": int, "float": float, "bool": bool}[kind](value[0].item())
        elif kind == "none":
            found[key] = None
        elif value[0].shape == of.shape:
            found[key] = torch.empty_like(of.detach(), dtype=value.dtype).copy_(value[0])
        else:
            found[key] = value[0].cpu().clone() if kind == "host" else value[0].clone()
    return found


def _try(spec: OwnOptimizer) -> None:
    """Three steps with the class on two small parameters, and the third again from what a checkpoint would hold of the second."""
    name = spec.optimizer.__name__
    random = torch.Generator().manual_seed(0)
    start = [torch.randn(3, 2, generator=random), torch.randn(2, generator=random)]
    gradients = [[torch.randn(p.shape, generator=random) for p in start] for _ in range(3)]
    before = torch.get_rng_state()
    try:
        through, parameters = _begin(spec, start)
        for of_step in gradients[:2]:
            _step(through, parameters, of_step)
        kept = [packed(through.state.get(p, {}), p) for p in parameters]
        resumed, others = _begin(spec, [p.detach().clone() for p in parameters])
        for p, slots in zip(others, kept, strict=True):
            if slots:
                resumed.state[p] = unpacked(slots, p)
        places = [p.data_ptr() for p in parameters]
        _step(through, parameters, gradients[2])
        _step(resumed, others, gradients[2])
    except Exception as error:
        raise SpecError(
            f"{name} should take a step from dense gradients alone, without a closure, and {_BY_PARAMETER}. A try on two small "
            f"parameters ended with {type(error).__name__}: {error}. Choose another class, or other settings."
        ) from error
    finally:
        torch.set_rng_state(before)
    if places != [p.data_ptr() for p in parameters]:
        raise SpecError(
            f"{name} should change parameters in place. It replaces their data. Write `p.copy_(...)` for `p.data = ...`."
        )
    if not all(torch.equal(one, other) for one, other in zip(parameters, others, strict=True)):
        raise SpecError(
            f"{name} should {_BY_PARAMETER}. A step after a restart differed from the same step without one. Move what it keeps "
            "in attributes, groups or random generators into `self.state[parameter]`."
        )


def _begin(spec: OwnOptimizer, values: list[Tensor]) -> tuple[torch.optim.Optimizer, list[Tensor]]:
    parameters = [value.clone().requires_grad_() for value in values]
    return build_own(
        spec, [{"params": parameters, "weight_decay": spec.weight_decay, "of_strategy": False}]
    ), parameters


def _step(optimizer: torch.optim.Optimizer, parameters: list[Tensor], gradients: list[Tensor]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    optimizer.step()
