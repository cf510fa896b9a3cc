"""The contract of a strategy, as tests to inherit."""

import json
import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mtlray import strategies
from mtlray.identity.codec import encode
from mtlray.models import Computation, ModelSpec, Networks, SharedTrunk
from mtlray.randomness import generator
from mtlray.specs import SGD, Adam, OptimizerSpec
from mtlray.strategies import AbstractStrategy, State
from mtlray.tasks.task import Task
from mtlray.testing.probes import TASKS, assert_close, assert_frozen, random_targets
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.run import Run

# Steps into a fourth epoch: what depends on the means of two epochs acts from the third on.
_N_INPUTS, _WIDTH, _BATCH, _BATCHES_PER_EPOCH, _N_STEPS, _CPU = 5, 6, 8, 2, 7, torch.device("cpu")


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
        return random_targets(task, n, rng)

    def setup_method(self, method: object) -> None:
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)  # the probe is too small for a second thread, which would only be waited for

    def teardown_method(self, method: object) -> None:
        torch.set_num_threads(self._threads)

    # -- hyperparameters

    def test_hyperparameters_are_frozen(self, strategy: AbstractStrategy) -> None:
        assert_frozen(strategy)

    def test_survives_repr_and_json(self, strategy: AbstractStrategy) -> None:
        cls = type(strategy)
        names = {**vars(strategies), **vars(sys.modules[cls.__module__]), cls.__name__: cls}
        again = eval(repr(strategy).replace(cls.__qualname__, cls.__name__, 1), names)
        assert again == strategy, f"repr evaluates to another strategy: {again!r}"
        first, second = (json.dumps(encode(s), sort_keys=True, allow_nan=False) for s in (strategy, again))
        assert first == second, "equal strategies are encoded differently"

    def test_labels_tell_strategies_apart(self) -> None:
        assert self.strategies, f"{type(self).__name__} gives no `strategies`"
        labels = {strategy.label for strategy in self.strategies}
        assert len(labels) == len(set(self.strategies)), f"strategies that differ share a label: {sorted(labels)}"

    # -- state

    def test_state_is_tensors_with_a_seed_axis(self, strategy: AbstractStrategy) -> None:
        probing = _Probing(self, strategy, seeds=(3, 4))
        first, attributes = probing.run.state, repr(getattr(strategy, "__dict__", {}))
        shapes = {name: (t.shape, t.dtype) for name, t in _tensors(first).items()}
        for _ in range(_N_STEPS):
            for name, value in _tensors(probing.run.state).items():
                good = isinstance(value, Tensor) and value.shape[:1] == (2,)
                assert good, f"state `{name}` should be a tensor with a leading seed axis. Found {value!r}"
            now = {name: (t.shape, t.dtype) for name, t in _tensors(probing.run.state).items()}
            assert now == shapes, "the state's names, shapes or dtypes change during a run"
            for name, parameter in probing.run.state.params.items():
                assert parameter is first.params[name], f"params `{name}` was replaced; the optimizer holds the old one"
            graphs = [name for name, buffer in probing.run.state.buffers.items() if buffer.requires_grad]
            assert not graphs, f"buffers that keep their graph, to be detached: {graphs}"
            for name, scalar in strategy.scalars(probing.run.state).items():
                assert scalar.shape == (2,), f"scalar `{name}` should have shape [seed]. Found {tuple(scalar.shape)}"
            probing.steps(1)
        assert repr(getattr(strategy, "__dict__", {})) == attributes, "something evolves outside of the state"

    def test_resumes_bit_for_bit(self, strategy: AbstractStrategy) -> None:
        for optimizer in (SGD(lr=0.05, momentum=0.9), Adam(lr=0.01)):
            probing, resumed = (_Probing(self, strategy, seeds=(3,), optimizer=optimizer) for _ in range(2))
            for step in range(_N_STEPS):  # the second run stops and goes on at every step
                saved, resumed = resumed.save(), _Probing(self, strategy, seeds=(3,), optimizer=optimizer)
                resumed.load(saved)
                found, expected = (p.steps(1).numbers() | {"weights": p.weights[-1]} for p in (resumed, probing))
                assert_close(found, expected, 0.0, f"resumed at step {step} under {optimizer}")

    def test_inputs_stay_as_they_are(self, strategy: AbstractStrategy) -> None:
        probing = _Probing(self, strategy, seeds=(3, 4)).steps(2 * _BATCHES_PER_EPOCH)
        losses, mean = (
            probing.run.upcoming(),
            torch.rand(2, len(probing.tasks), generator=generator(0, "mean"), dtype=torch.float64),
        )
        given = {f"losses/{i}": batch.values for i, batch in enumerate(losses)} | {"mean losses": mean}

        def check(method: str, argument: object, state: State) -> Any:
            inputs = given | probing.networks.parameters | _tensors(state)
            before = {name: t.detach().clone() for name, t in inputs.items()}
            result = getattr(strategy, method)(argument, state)
            assert_close(inputs, before, 0.0, f"before and after `{method}`")
            return result

        _, state = check("backward", losses, probing.run.state)
        probing.run.optimizer.step()
        state = check("end_step", losses, state)
        check("end_epoch", mean, state)

    # -- numbers

    def test_pack_equals_each_seed_alone(self, strategy: AbstractStrategy) -> None:
        pack = _Probing(self, strategy, seeds=(3, 4)).steps(_N_STEPS).numbers()
        for i, seed in enumerate((3, 4)):
            alone = _Probing(self, strategy, seeds=(seed,)).steps(_N_STEPS).numbers()
            inside = {name: tensor[i : i + 1] for name, tensor in pack.items()}
            assert_close(inside, alone, self.tolerance, f"seed {seed} in a pack and alone")

    def test_permuting_tasks_permutes_weights(self, strategy: AbstractStrategy) -> None:
        probing = _Probing(self, strategy, seeds=(3,))
        start, _ = probing.networks.state(), probing.steps(_N_STEPS)
        first, *rest = range(len(probing.tasks))
        turned, swapped = [*rest, first], [*rest[:1], first, *rest[1:]]  # all permutations are made of these two
        for order in (turned, swapped) if self.symmetric else ():
            permuted = _Probing(self, strategy, seeds=(3,), tasks=[probing.tasks[i] for i in order])
            permuted.networks.load(start)  # the heads' initial weights are drawn in the order of the tasks
            found = permuted.steps(_N_STEPS).networks.state() | {"weights": torch.stack(permuted.weights)}
            expected = probing.networks.state() | {"weights": torch.stack(probing.weights)[..., order]}
            assert_close(found, expected, self.tolerance, f"tasks in order {order}")

    def test_every_parameter_gets_a_finite_gradient(self, strategy: AbstractStrategy) -> None:
        probing = _Probing(self, strategy, seeds=(3, 4))
        for _ in range(_N_STEPS):
            probing.steps(1)
            parameters = probing.networks.parameters | {f"strategy/{n}": p for n, p in probing.run.state.params.items()}
            bad = [n for n, p in parameters.items() if p.grad is None or not torch.isfinite(p.grad).all()]
            assert not bad, f"parameters without a finite gradient: {bad}"

    def test_weights_make_the_trunk_gradient(self, strategy: AbstractStrategy) -> None:
        probing = _Probing(self, strategy, seeds=(3, 4))
        for _ in range(_N_STEPS):
            jacobian = probing.run.upcoming()[0].jacobian()
            weights = probing.steps(1).weights[-1]
            assert not weights.requires_grad, "the weights that `backward` returns keep their graph: detach them"
            if strategy.batches_per_step == 1 and torch.isfinite(weights).all():
                gradient = torch.cat([p.grad.flatten(1) for p in probing.networks.shared if p.grad is not None], dim=1)
                expected = (weights.unsqueeze(2) * jacobian).sum(dim=1)
                assert_close(gradient, expected, self.tolerance, "gradient and weighted sum of the tasks' gradients")

    def test_one_task_alone_can_be_trained(self, strategy: AbstractStrategy) -> None:
        task = next(task for task in self.tasks if strategy.trains([task]))
        numbers = _Probing(self, strategy, seeds=(3, 4), tasks=[task]).steps(_N_STEPS).numbers()
        bad = [name for name, tensor in numbers.items() if not torch.isfinite(tensor).all()]
        assert not bad, f"not finite with one task: {bad}"

    def test_randomness_is_the_trials_own(self, strategy: AbstractStrategy) -> None:
        runs, saved = [], (np.random.get_state(), random.getstate())
        with torch.random.fork_rng(devices=[]):
            for seed in (0, 1):
                for seed_everything in (torch.manual_seed, np.random.seed, random.seed):
                    seed_everything(seed)
                before = torch.get_rng_state().tolist(), repr(np.random.get_state())
                runs.append(_Probing(self, strategy, seeds=(3, 4)).steps(_N_STEPS).numbers())
                now = torch.get_rng_state().tolist(), repr(np.random.get_state())
                assert now == before, "torch's or numpy's global generator was drawn from"
        np.random.set_state(saved[0])
        random.setstate(saved[1])
        # Whether Python's own generator moved is not asked: run-time type checkers draw from it.
        assert_close(runs[1], runs[0], 0.0, "two runs of the same seeds")


@dataclass(frozen=True)
class _Probe(ModelSpec):
    """One hidden layer as the trunk, one linear layer a head."""

    key: ClassVar[str] = "probe"
    label: ClassVar[str] = "probe"

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Any will do."""

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        trunk = nn.Sequential(nn.Linear(input_shape[0], _WIDTH), nn.Tanh())
        linear = {t.name: nn.Linear(_WIDTH, math.prod(t.output_shape)) for t in tasks}
        heads = {t.name: nn.Sequential(linear[t.name], nn.Unflatten(1, t.output_shape)) for t in tasks}
        return SharedTrunk(trunk, heads)


class _Probing:
    """A strategy that trains probes: a `run` as any other, on random batches in place of a data set's."""

    def __init__(
        self,
        case: StrategyConformance,
        strategy: AbstractStrategy,
        seeds: Sequence[int],
        tasks: Sequence[Task] | None = None,
        optimizer: OptimizerSpec = SGD(lr=0.05, momentum=0.9),  # noqa: B008, it is frozen
    ) -> None:
        self.case, self.seeds, self.tasks = case, seeds, strategy.trains(tasks or case.tasks)
        self.networks = Networks(_Probe(), (_N_INPUTS,), self.tasks, seeds, Computation(_CPU), "float64")
        self.run = Run(self.networks, strategy, optimizer, self._batch, _BATCHES_PER_EPOCH, _N_STEPS)
        self.weights = list[Tensor]()

    def _batch(self, number: int) -> tuple[Tensor, list[Tensor]]:
        return self._rows(None, number), [self._rows(task, number) for task in self.tasks]

    def _rows(self, task: Task | None, number: int) -> Tensor:
        """`[seed, batch, ...]`: the targets of a task, or the inputs."""
        streams = [generator(seed, task.name if task else "inputs", number) for seed in self.seeds]
        if task is None:
            return torch.stack([torch.randn(_BATCH, _N_INPUTS, generator=s, dtype=torch.float64) for s in streams])
        return torch.stack([self.case.targets(task, _BATCH, stream) for stream in streams])

    def steps(self, n: int) -> "_Probing":
        self.weights += [self.run.advance() for _ in range(n)]
        return self

    def numbers(self) -> dict[str, Tensor]:
        return self.networks.state() | _tensors(self.run.state)

    def save(self) -> bytes:
        (checkpoint,) = self.run.checkpoints(["probe"])
        return checkpoint.to_bytes()

    def load(self, data: bytes) -> None:
        self.run.restore([Checkpoint.from_bytes(data, "probe")])


def _tensors(state: State) -> dict[str, Tensor]:
    return {f"params/{n}": t for n, t in state.params.items()} | {f"buffers/{n}": t for n, t in state.buffers.items()}
