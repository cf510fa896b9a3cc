"""The contract of a strategy, as tests to inherit and let pytest collect. Nothing else in mtlray imports this module."""

import dataclasses
import io
import itertools
import json
import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mtlray.codec import encode
from mtlray.gradients import TaskLosses
from mtlray.losses import cross_entropy, squared_error
from mtlray.metrics import Accuracy, MeanSquaredError
from mtlray.models import ModelSpec, Pack, SharedTrunk
from mtlray.optimizers import build_optimizer, optimizer_state, restore_optimizer
from mtlray.randomness import generator
from mtlray.specs import SGD, Adam, OptimizerSpec
from mtlray.strategies import AbstractStrategy, State
from mtlray.tasks import Task
from mtlray.training import initial_state

TASKS = (
    Task(name="left", likelihood="categorical", output_shape=(4,), loss=cross_entropy, metrics=(Accuracy(),)),
    Task(name="right", likelihood="categorical", output_shape=(3,), loss=cross_entropy, metrics=(Accuracy(),)),
    Task(name="scale", likelihood="gaussian", output_shape=(2,), loss=squared_error, metrics=(MeanSquaredError(),)),
)
"""Two classifications and a regression, whose losses differ in size."""

_N_INPUTS, _WIDTH, _BATCH, _BATCHES_PER_EPOCH, _N_STEPS = 5, 6, 8, 3, 10
_CPU = torch.device("cpu")


class StrategyConformance:
    """What every strategy must satisfy, checked on a small probe network in float64.

    ```
    class TestMyStrategy(StrategyConformance):
        strategies = (MyStrategy(), MyStrategy(temperature=0.5))
    ```

    A subclass gives `strategies`, instances with the hyperparameters that matter, and where the defaults do not fit, `tasks`
    and their `targets`. Two checks can be set to what a method can promise: `tolerance`, how far a pack of seeds may be from
    each seed alone, and `symmetric`, False where tasks are told apart by name or order, so that permuting them does more
    than to permute the weights.
    """

    strategies: ClassVar[Sequence[AbstractStrategy]] = ()
    tasks: ClassVar[Sequence[Task]] = TASKS
    tolerance: ClassVar[float] = 1e-12
    symmetric: ClassVar[bool] = True

    @classmethod
    def pytest_generate_tests(cls, metafunc: Any) -> None:
        """Run each test that takes a `strategy` once for each of `strategies`."""
        if "strategy" in metafunc.fixturenames:
            metafunc.parametrize("strategy", cls.strategies, ids=[s.label for s in cls.strategies])

    def targets(self, task: Task, n: int, rng: torch.Generator) -> Tensor:
        """Random targets for `n` examples of a task: classes where it is categorical, else numbers."""
        if task.likelihood == "categorical":
            return torch.randint(task.output_shape[0], (n, *task.output_shape[1:]), generator=rng)
        return torch.randn(n, *task.output_shape, generator=rng, dtype=torch.float64)

    def setup_class(self) -> None:
        """The probe is too small for a second thread, which would only be waited for."""
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def teardown_class(self) -> None:
        torch.set_num_threads(self._threads)

    # -- hyperparameters

    def test_hyperparameters_are_frozen(self, strategy: AbstractStrategy) -> None:
        for field in dataclasses.fields(strategy):
            try:
                setattr(strategy, field.name, getattr(strategy, field.name))
            except dataclasses.FrozenInstanceError:
                continue
            raise AssertionError(f"`{field.name}` can be assigned to: declare the class with @dataclass(frozen=True)")

    def test_survives_repr_and_json(self, strategy: AbstractStrategy) -> None:
        cls = type(strategy)
        names = {**vars(sys.modules[cls.__module__]), cls.__name__: cls}
        again = eval(repr(strategy).replace(cls.__qualname__, cls.__name__, 1), names)
        assert again == strategy, f"repr evaluates to another strategy: {again!r}"
        first, second = (json.dumps(encode(s), sort_keys=True, allow_nan=False) for s in (strategy, again))
        assert first == second, "equal strategies are encoded differently"

    def test_labels_tell_strategies_apart(self) -> None:
        assert self.strategies, f"{type(self).__name__} gives no `strategies`"
        for one, other in itertools.combinations(self.strategies, 2):
            assert one == other or one.label != other.label, f"{one!r} and {other!r} share the label {one.label}"

    # -- state

    def test_state_is_tensors_with_a_seed_axis(self, strategy: AbstractStrategy) -> None:
        run = self._run(strategy, seeds=(3, 4))
        first, attributes = run.state, repr(getattr(strategy, "__dict__", {}))
        shapes = {name: (t.shape, t.dtype) for name, t in _tensors(first).items()}
        for _ in range(_N_STEPS):
            for name, tensor in _tensors(run.state).items():
                assert isinstance(tensor, Tensor), f"state `{name}` is a {type(tensor).__name__}, not a tensor"
                assert tensor.shape[:1] == (2,), f"state `{name}` has no leading seed axis: {tuple(tensor.shape)}"
            now = {name: (t.shape, t.dtype) for name, t in _tensors(run.state).items()}
            assert now == shapes, "the state's names, shapes or dtypes change during a run"
            for name, parameter in run.state.params.items():
                assert parameter is first.params[name], f"params `{name}` was replaced; the optimizer holds the old one"
            for name, buffer in run.state.buffers.items():
                assert not buffer.requires_grad, f"buffer `{name}` keeps its graph: detach it"
            for name, scalar in strategy.scalars(run.state).items():
                assert scalar.shape == (2,), f"scalar `{name}` should have shape [seed]. Found {tuple(scalar.shape)}"
            run.step()
        assert repr(getattr(strategy, "__dict__", {})) == attributes, "something evolves outside of the state"

    def test_resumes_bit_for_bit(self, strategy: AbstractStrategy) -> None:
        for optimizer in (SGD(lr=0.05, momentum=0.9), Adam(lr=0.01)):
            run = self._run(strategy, seeds=(3,), optimizer=optimizer)
            saved = []
            for _ in range(_N_STEPS):
                saved.append(run.save())
                run.step()
            for step, data in enumerate(saved):
                resumed = self._run(strategy, seeds=(3,), optimizer=optimizer)
                resumed.load(data)
                resumed.steps(_N_STEPS - step)
                _assert_close(resumed.numbers(), run.numbers(), 0, f"resumed at step {step} under {optimizer}")

    def test_inputs_stay_as_they_are(self, strategy: AbstractStrategy) -> None:
        run = self._run(strategy, seeds=(3, 4))
        run.steps(2 * _BATCHES_PER_EPOCH)
        losses, mean = run.losses(), torch.rand(2, len(run.tasks), generator=generator(0, "mean"), dtype=torch.float64)
        given = {f"losses/{i}": batch.values for i, batch in enumerate(losses)} | {"mean losses": mean}

        def check(method: str, call: Callable[[State], Any], state: State) -> Any:
            inputs = given | run.pack.parameters | _tensors(state)
            before = {name: t.detach().clone() for name, t in inputs.items()}
            result = call(state)
            _assert_close(inputs, before, 0, f"before and after {method}")
            return result

        _, state = check("backward", lambda state: strategy.backward(losses, state), run.state)
        run.optimizer.step()
        state = check("end_step", lambda state: strategy.end_step(losses, state), state)
        check("end_epoch", lambda state: strategy.end_epoch(mean, state), state)

    # -- numbers

    def test_pack_equals_each_seed_alone(self, strategy: AbstractStrategy) -> None:
        pack = self._run(strategy, seeds=(3, 4, 5)).steps(_N_STEPS).numbers()
        for i, seed in enumerate((3, 4, 5)):
            alone = self._run(strategy, seeds=(seed,)).steps(_N_STEPS).numbers()
            inside = {name: tensor[i : i + 1] for name, tensor in pack.items()}
            _assert_close(inside, alone, self.tolerance, f"seed {seed} in a pack and alone")

    def test_permuting_tasks_permutes_weights(self, strategy: AbstractStrategy) -> None:
        if not self.symmetric:
            return
        run = self._run(strategy, seeds=(3,))
        start = run.pack.state()
        run.steps(_N_STEPS)
        for order in itertools.permutations(range(len(run.tasks))):
            permuted = self._run(strategy, seeds=(3,), tasks=[run.tasks[i] for i in order])
            permuted.pack.load(start)  # the heads' initial weights are drawn in the order of the tasks
            found = permuted.steps(_N_STEPS).pack.state() | {"weights": torch.stack(permuted.weights)}
            expected = run.pack.state() | {"weights": torch.stack(run.weights)[..., list(order)]}
            _assert_close(found, expected, self.tolerance, f"tasks in order {order}")

    def test_every_parameter_gets_a_finite_gradient(self, strategy: AbstractStrategy) -> None:
        run = self._run(strategy, seeds=(3, 4))
        for _ in range(_N_STEPS):
            run.step()
            parameters = run.pack.parameters | {f"strategy/{n}": p for n, p in run.state.params.items()}
            for name, parameter in parameters.items():
                assert parameter.grad is not None, f"`{name}` gets no gradient"
                assert torch.isfinite(parameter.grad).all(), f"`{name}` gets a gradient that is not finite"

    def test_weights_make_the_trunk_gradient(self, strategy: AbstractStrategy) -> None:
        run, twin = (self._run(strategy, seeds=(3, 4)) for _ in range(2))
        for _ in range(_N_STEPS):
            jacobian = twin.losses()[0].jacobian()
            for other in (run, twin):
                other.step()
            weights = run.weights[-1]
            assert weights.shape == (2, len(run.tasks)), f"weights should be [seed, task]. Found {tuple(weights.shape)}"
            assert not weights.requires_grad, "the weights returned by `backward` keep their graph: detach them"
            if strategy.batches_per_step == 1 and torch.isfinite(weights).all():
                direction = torch.cat([p.grad.flatten(1) for p in run.pack.shared if p.grad is not None], dim=1)
                expected = (weights.unsqueeze(2) * jacobian).sum(dim=1)
                _assert_close({"gradient": direction}, {"gradient": expected}, self.tolerance, "weights and gradient")

    def test_one_task_alone_can_be_trained(self, strategy: AbstractStrategy) -> None:
        task = next(task for task in self.tasks if strategy.trains([task]))
        numbers = self._run(strategy, seeds=(3, 4), tasks=[task]).steps(_N_STEPS).numbers()
        for name, tensor in numbers.items():
            assert torch.isfinite(tensor).all(), f"`{name}` is not finite with one task"

    def test_randomness_is_the_trials_own(self, strategy: AbstractStrategy) -> None:
        """Same seed, same numbers; and no global generator is drawn from or moved."""
        before = _global_generators()
        try:
            runs = []
            for seed in (0, 1):
                torch.manual_seed(seed)
                np.random.seed(seed)
                random.seed(seed)
                states = _global_generators()
                runs.append(self._run(strategy, seeds=(3, 4)).steps(_N_STEPS).numbers())
                assert repr(_global_generators()) == repr(states), "a global generator was drawn from"
            _assert_close(runs[1], runs[0], 0, "two runs of the same seeds")
        finally:
            torch.set_rng_state(before[0])
            np.random.set_state(before[1])
            random.setstate(before[2])

    def _run(
        self,
        strategy: AbstractStrategy,
        seeds: Sequence[int],
        tasks: Sequence[Task] | None = None,
        optimizer: OptimizerSpec = SGD(lr=0.05, momentum=0.9),  # noqa: B008, it is frozen
    ) -> "_Run":
        return _Run(strategy, strategy.trains(tasks or self.tasks), seeds, optimizer, self.targets)


@dataclass(frozen=True)
class _Probe(ModelSpec):
    """One hidden layer as the trunk, one linear layer a head."""

    key: ClassVar[str] = "probe"

    @property
    def label(self) -> str:
        return self.key

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        del input_shape, tasks

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        trunk = nn.Sequential(nn.Linear(input_shape[0], _WIDTH), nn.Tanh())
        sizes = {task.name: math.prod(task.output_shape) for task in tasks}
        shapes = {task.name: nn.Unflatten(1, task.output_shape) for task in tasks}
        heads = {name: nn.Sequential(nn.Linear(_WIDTH, sizes[name]), shapes[name]) for name in sizes}
        return SharedTrunk(trunk, heads)


class _Run:
    """A pack of probes being trained by a strategy: the training loop without specs, data sets and files."""

    def __init__(
        self,
        strategy: AbstractStrategy,
        tasks: Sequence[Task],
        seeds: Sequence[int],
        optimizer: OptimizerSpec,
        targets: Callable[[Task, int, torch.Generator], Tensor],
    ) -> None:
        self.strategy, self.tasks, self._seeds, self._targets = strategy, tasks, seeds, targets
        self.pack = Pack(_Probe(), (_N_INPUTS,), tasks, seeds, device=_CPU, dtype=torch.float64)
        self.state = initial_state(strategy, tasks, seeds, _CPU, torch.float64)
        self.optimizer = build_optimizer(optimizer, list(self.pack.parameters.values()), self.state.params)
        self.n_batches = 0
        self.epoch_losses = torch.zeros(len(seeds), len(tasks), dtype=torch.float64)
        self.weights: list[Tensor] = []

    def losses(self) -> list[TaskLosses]:
        """The batches of the next step; asking twice gives the same."""
        return [self._batch(self.n_batches + i) for i in range(self.strategy.batches_per_step)]

    def _batch(self, number: int) -> TaskLosses:
        def streams(purpose: str) -> list[torch.Generator]:
            return [generator(seed, purpose, number) for seed in self._seeds]

        rows = [torch.randn(_BATCH, _N_INPUTS, generator=rng, dtype=torch.float64) for rng in streams("inputs")]
        targets = [torch.stack([self._targets(t, _BATCH, rng) for rng in streams(t.name)]) for t in self.tasks]
        return self.pack.losses(torch.stack(rows), targets, number)

    def step(self) -> None:
        losses = self.losses()
        self.optimizer.zero_grad(set_to_none=True)
        weights, self.state = self.strategy.backward(losses, self.state)
        self.weights.append(weights)
        self.optimizer.step()
        self.state = self.strategy.end_step(losses, self.state)
        for batch in losses:
            self.n_batches += 1
            self.epoch_losses = self.epoch_losses + batch.values.detach()
            if self.n_batches % _BATCHES_PER_EPOCH == 0:
                self.state = self.strategy.end_epoch(self.epoch_losses / _BATCHES_PER_EPOCH, self.state)
                self.epoch_losses = torch.zeros_like(self.epoch_losses)

    def steps(self, n: int) -> "_Run":
        for _ in range(n):
            self.step()
        return self

    def numbers(self) -> dict[str, Tensor]:
        """Everything that evolves."""
        return self.pack.state() | _tensors(self.state)

    def save(self) -> bytes:
        buffer = io.BytesIO()
        slots = optimizer_state(self.optimizer, self.pack, self.state)
        state = {"params": self.state.params, "buffers": self.state.buffers}
        torch.save((self.n_batches, self.epoch_losses, self.pack.state(), state, slots), buffer)
        return buffer.getvalue()

    def load(self, data: bytes) -> None:
        content = torch.load(io.BytesIO(data), weights_only=True)
        self.n_batches, self.epoch_losses, network, state, slots = content
        self.pack.load(network)
        with torch.no_grad():
            for name, parameter in self.state.params.items():
                parameter.copy_(state["params"][name])
        self.state = State(self.state.params, state["buffers"])
        restore_optimizer(self.optimizer, self.pack, self.state, slots)


def _global_generators() -> tuple[Tensor, Any, Any]:
    return torch.get_rng_state(), np.random.get_state(), random.getstate()


def _tensors(state: State) -> dict[str, Tensor]:
    return {f"params/{n}": t for n, t in state.params.items()} | {f"buffers/{n}": t for n, t in state.buffers.items()}


def _assert_close(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float, where: str) -> None:
    assert found.keys() == expected.keys(), f"{where}: {sorted(found)} where {sorted(expected)} was expected"
    for name, tensor in found.items():
        close = torch.allclose(tensor, expected[name], rtol=tolerance, atol=tolerance, equal_nan=True)
        assert close, f"{where}: `{name}` differs by {(tensor - expected[name]).abs().max().item():.3g}"
