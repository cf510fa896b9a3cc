"""The contract of a model, as tests to inherit."""

from collections.abc import Sequence
from typing import Any, ClassVar, get_args

import torch
from torch import Tensor

from mtlray.axes import TokenShape
from mtlray.errors import SpecError
from mtlray.models import Computation, ModelSpec, Networks
from mtlray.models.beginning import initialise
from mtlray.models.dtype import Precision, dtype_of
from mtlray.models.fitting import check_fit
from mtlray.randomness import generator
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses
from mtlray.testing.probes import (
    TASKS,
    assert_close,
    assert_frozen,
    assert_labels_differ,
    assert_travels,
    random_targets,
)

_BATCH = 4
_OTHER_SHAPES = ((2,), (1, 5), (3, 7, 9), TokenShape(6, vocabulary=11), (2, 3, 4, 5))


class ModelConformance:
    """What every model must satisfy, checked on random inputs and targets.

    ```
    class TestMyModel(ModelConformance):
        models = (MyModel(), MyModel(width=8))
        input_shape = (12,)
    ```

    A subclass gives `models`, instances with the settings that matter, and the `input_shape` that they take, a `TokenShape` for
    models of texts; `tasks` where the default ones, whose outputs are vectors, do not fit. `tolerance` is how far, in float64, a
    network may be from what it is alone where it runs in a pack of seeds, or an example in another batch.
    """

    models: ClassVar[Sequence[ModelSpec]] = ()
    input_shape: ClassVar[tuple[int, ...]] = ()
    tasks: ClassVar[Sequence[Task]] = TASKS
    tolerance: ClassVar[float] = 1e-9

    @classmethod
    def pytest_generate_tests(cls, metafunc: Any) -> None:
        """Run each test that takes a `model` once for each of `models`."""
        if "model" in metafunc.fixturenames:
            metafunc.parametrize("model", cls.models, ids=[m.label for m in cls.models])

    def inputs(self, seeds: Sequence[int]) -> Tensor:
        """Random inputs, `[seed, batch, ...]`: numbers in [0, 1), or tokens of which some rows end in padding."""
        return torch.stack([self._inputs(generator(seed, "inputs")) for seed in seeds])

    def _inputs(self, rng: torch.Generator) -> Tensor:
        if not isinstance(self.input_shape, TokenShape):
            return torch.rand(_BATCH, *self.input_shape, generator=rng, dtype=torch.float64)
        tokens = torch.randint(1, self.input_shape.vocabulary, (_BATCH, *self.input_shape), generator=rng)
        tokens[1::2, (self.input_shape[0] + 1) // 2 :] = 0
        return tokens

    def setup_method(self, method: object) -> None:
        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def teardown_method(self, method: object) -> None:
        torch.set_num_threads(self._threads)

    def _networks(self, model: ModelSpec, seeds: Sequence[int], precision: Precision = "float64") -> Networks:
        return Networks(
            model, self.input_shape, self.tasks, seeds, Computation(torch.device("cpu"), "torch"), precision
        )

    def _losses(self, networks: Networks, step: int) -> TaskLosses:
        """Of a step's mini-batch, which is a function of the seed and the step."""
        streams = [[generator(seed, task.name, step) for seed in networks.seeds] for task in self.tasks]
        targets = [
            torch.stack([random_targets(task, _BATCH, rng) for rng in rngs])
            for task, rngs in zip(self.tasks, streams, strict=True)
        ]
        return networks.losses(self.inputs([seed + step for seed in networks.seeds]), targets, step)

    def _train(self, networks: Networks, n_steps: int, first: int = 0) -> dict[str, Tensor]:
        """Steps of plain gradient descent; the losses of each, and the state after them."""
        losses = []
        for step in range(first, first + n_steps):
            found = self._losses(networks, step)
            gradients = torch.autograd.grad(found.values.sum(), list(networks.parameters.values()), allow_unused=True)
            with torch.no_grad():
                for parameter, gradient in zip(networks.parameters.values(), gradients, strict=True):
                    if gradient is not None:
                        parameter -= 0.01 * gradient
            losses.append(found.values.detach())
        return networks.state() | {"losses": torch.stack(losses, dim=1)}

    # -- settings

    def test_settings_are_frozen(self, model: ModelSpec) -> None:
        assert_frozen(model)

    def test_travels_to_workers(self, model: ModelSpec) -> None:
        assert_travels(model)

    def test_labels_tell_models_apart(self) -> None:
        assert_labels_differ(self.models, "models")

    # -- inputs and tasks

    def test_fits_its_inputs_and_tasks(self, model: ModelSpec) -> None:
        model.check(self.input_shape, self.tasks)
        check_fit(model, self.input_shape, tuple(self.tasks))
        check_fit(model, self.input_shape, tuple(self.tasks[:1]))

    def test_other_inputs_are_refused_or_fit(self, model: ModelSpec) -> None:
        for shape in _OTHER_SHAPES:
            try:
                model.check(shape, self.tasks)
            except SpecError as refusal:
                message = str(refusal)
                assert "\n" not in message, f"the message should be one paragraph: {message}"
            else:
                check_fit(model, shape, tuple(self.tasks))

    # -- numbers

    def test_initial_weights_depend_on_the_seed_alone(self, model: ModelSpec) -> None:
        made = []
        for everything, seed in ((0, 3), (1, 3), (1, 4)):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(everything)
                before = torch.get_rng_state()
                made.append(initialise(model, self.input_shape, self.tasks, seed, torch.float32).state_dict())
                assert torch.equal(torch.get_rng_state(), before), "torch's global generator was drawn from"
        assert_close(made[0], made[1], 0.0, "one seed at two states of the global generator")
        assert any(not torch.equal(made[0][name], made[2][name]) for name in made[0]), "two seeds start alike"

    def test_every_parameter_gets_a_finite_gradient(self, model: ModelSpec) -> None:
        networks = self._networks(model, (3,))
        losses = self._losses(networks, 0)
        parameters = networks.parameters
        gradients = torch.autograd.grad(losses.values.sum(), list(parameters.values()), allow_unused=True)
        found = dict(zip(parameters, gradients, strict=True))
        bad = [name for name, g in found.items() if g is None or not torch.isfinite(g).all()]
        assert not bad, f"parameters without a finite gradient: {bad}"
        known = {id(p) for p in (*networks.shared, *(p for head in networks.heads for p in head))}
        outside = [name for name, p in parameters.items() if id(p) not in known]
        assert not outside, f"parameters that are neither the trunk's nor a task's head's: {outside}"

    def test_a_head_learns_from_its_own_task(self, model: ModelSpec) -> None:
        networks = self._networks(model, (3,))
        for i, task in enumerate(self.tasks):
            losses = self._losses(networks, 0)
            for j, head in enumerate(networks.heads):
                gradients = torch.autograd.grad(losses.values[0, i], head, retain_graph=True, allow_unused=True)
                touched = any(g is not None and bool(g.any()) for g in gradients)
                assert touched == (i == j), f"head {j} and the loss of task {task.name}"

    def test_evaluation_sees_each_example_alone(self, model: ModelSpec) -> None:
        networks = self._networks(model, (3,))
        self._train(networks, 1)
        inputs, before = self.inputs((3,)), networks.state()
        with torch.no_grad():
            together = networks.predict(inputs)
            alone = [networks.predict(inputs[:, i : i + 1]) for i in range(_BATCH)]
        for task, expected, *single in zip(self.tasks, together, *alone, strict=True):
            assert_close(torch.cat(single, dim=1), expected, self.tolerance, f"task {task.name} in batches of one")
        assert_close(networks.state(), before, 0.0, "before and after an evaluation")

    def test_pack_equals_each_seed_alone(self, model: ModelSpec) -> None:
        """Or it says that it cannot be packed."""
        try:
            pack = self._train(self._networks(model, (3, 4)), 2)
        except SpecError as refusal:
            message = str(refusal)
            assert "pack" in message, message
            return
        for i, seed in enumerate((3, 4)):
            alone = self._train(self._networks(model, (seed,)), 2)
            inside = {name: tensor[i : i + 1] for name, tensor in pack.items()}
            assert_close(inside, alone, self.tolerance, f"seed {seed} in a pack and alone")

    def test_random_numbers_are_stated_and_the_trials_own(self, model: ModelSpec) -> None:
        runs = []
        for everything in (0, 1):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(everything)
                before = torch.get_rng_state()
                runs.append(self._train(self._networks(model, (3,)), 2))
                assert torch.equal(torch.get_rng_state(), before), (
                    "torch's global generator was drawn from; let `stochastic` return True where training draws random numbers"
                )
        assert_close(runs[1], runs[0], 0.0, "two runs of one seed")

    def test_resumes_bit_for_bit(self, model: ModelSpec) -> None:
        networks, resumed = self._networks(model, (3,)), self._networks(model, (5,))
        self._train(networks, 2)
        resumed.load(networks.state())
        resumed.seeds = networks.seeds  # of which dropout masks and batches are functions
        expected, found = self._train(networks, 2, first=2), self._train(resumed, 2, first=2)
        assert_close(found, expected, 0.0, "resumed after two steps")

    def test_every_precision(self, model: ModelSpec) -> None:
        for precision in get_args(Precision):
            networks = self._networks(model, (3,), precision)
            inputs = self.inputs((3,))
            inputs = inputs if isinstance(self.input_shape, TokenShape) else inputs.to(networks.dtype)
            with torch.no_grad():
                predictions = networks.predict(inputs)
            for task, prediction in zip(self.tasks, predictions, strict=True):
                assert prediction.dtype == dtype_of(precision), f"{precision}: task {task.name} has {prediction.dtype}"
                assert prediction.isfinite().all(), f"{precision}: task {task.name} is not finite"
                assert prediction.shape == (1, _BATCH, *task.output_shape), f"{precision}: {prediction.shape}"
