"""An MLP with one hidden layer, its losses and one step of a strategy on it, as anyone writes them with torch."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from mtlray import binary, classification, regression
from mtlray.strategies import (
    DWA,
    EMA,
    MGDA,
    STRATEGIES,
    Constant,
    GradVac,
    LogLosses,
    PeriodicWeights,
    SingleTask,
    State,
    WeightMomentum,
)  # fmt: skip
from mtlray.tasks.task_losses import TaskLosses

TASKS = (classification("kind", classes=3), binary("big"), regression("size"))


def every_strategy():
    """One of each strategy that can train `TASKS`, and wrapped ones.

    A solver's error is no end, for random problems may have no solution.
    """
    for cls in STRATEGIES:
        if cls is SingleTask:
            yield SingleTask("kind")
        elif cls is Constant:
            yield Constant((0.5, 1.0, 2.0))
        elif cls.key != "dtp":  # a regression has no bounded metric; it has tests of its own
            solves = "on_solver_error" in {field.name for field in dataclasses.fields(cls)}
            yield cls(on_solver_error="fallback") if solves else cls()
    yield WeightMomentum(DWA())
    yield WeightMomentum(MGDA(on_solver_error="fallback"))
    yield PeriodicWeights(EMA(), every=3)
    yield LogLosses(GradVac())


def fast_ones(strategies):
    """The strategies as parameters of a test; all but one of each kind of state are slow."""
    kinds = {"equal", "dwa", "uncertainty", "softadapt", "gradnorm", "gradvac", "modo", "periodic"}
    return [s if s.key in kinds else pytest.param(s, marks=pytest.mark.slow) for s in strategies]


def with_strategy(trial, strategy):
    """A trial with a strategy that is not looked at: the tests' type checks make a wrapper look as if it had an `__init__`."""
    object.__setattr__(trial, "strategy", strategy)
    return trial


def copies(run):
    """The run's network as leaves of a graph of its own."""
    return {name: p.detach().clone().requires_grad_() for name, p in run.networks.parameters.items()}


def losses(parameters, names, inputs, targets, blocks=None):
    """Each task's loss over its labelled examples, None where there is none, and the hidden layer.

    `blocks` are the examples of each task where each has its own.
    """
    hidden = F.relu(F.linear(inputs.flatten(1), parameters["trunk.1.weight"], parameters["trunk.1.bias"]))
    found = []
    for k, (name, target) in enumerate(zip(names, targets, strict=True)):
        own = hidden if blocks is None else hidden[blocks[k]]
        out = F.linear(own, parameters[f"heads.{name}.weight"], parameters[f"heads.{name}.bias"])
        there = ~target.isnan().flatten() if name == "size" else target >= 0
        if not there.any():
            found.append(None)
        elif name == "kind":
            found.append(F.cross_entropy(out[there], target[there]))
        elif name == "big":
            found.append(F.binary_cross_entropy_with_logits(out[there, 0], target[there].double()))
        else:
            found.append((out[there] - target[there]).square().mean())
    return found, hidden


def stepped(strategy, state, parameters, names, problems, tasks):
    """What a strategy does with the losses of some tasks, given by their numbers: its weights, and the gradients it leaves.

    `problems` are what `losses` gives for each of the step's batches.
    """
    batches = []
    for found, hidden in problems:
        chosen = [found[t].unsqueeze(0) for t in tasks]
        batches.append(
            TaskLosses(
                values=torch.stack(chosen, dim=1),
                shared=[p for name, p in parameters.items() if name.startswith("trunk.")],
                heads=[[p for n, p in parameters.items() if n.startswith(f"heads.{names[t]}.")] for t in tasks],
                stacked=False,
                recompute=lambda: None,
                representation=hidden,
            )
        )
    own = State(
        {name: p.detach().clone().requires_grad_() for name, p in state.params.items()},
        {name: b.clone() for name, b in state.buffers.items()},
    )
    weights, _ = strategy.backward(batches, own)
    gradients = {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in parameters.items()}
    return weights[0], gradients, {name: p.grad for name, p in own.params.items()}
