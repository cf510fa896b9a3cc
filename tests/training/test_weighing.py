"""A strategy in a loop of one's own does the same as in a trial, and says what it lacks."""

import dataclasses

import numpy as np
import pytest
import torch

from mtlray import (
    DTP,
    DWA,
    FAMO,
    MGDA,
    MGDAUB,
    MLP,
    SGD,
    ArrayDataset,
    BatchLosses,
    Equal,
    GradNorm,
    MoDo,
    PCGrad,
    SingleTask,
    SpecError,
    TaskParameters,
    TrialSpec,
    Uncertainty,
    begin_weighing,
    classification,
    end_epoch,
    regression,
    weigh,
)
from mtlray.models import Computation
from mtlray.models.beginning import initialise
from mtlray.strategies.every import every_strategy
from mtlray.training.loop import walk
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

STEPS, RATE, OWN_RATE = 50, 0.1, 0.02


def arrays():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 5))
    noisy = x + rng.normal(size=x.shape)
    return {"x": x, "first": noisy[:, :3].argmax(axis=1), "second": noisy[:, 3:].argmax(axis=1)}


TASKS = (classification("first", classes=3), classification("second", classes=2))
DATA = ArrayDataset(name="made_up", source=arrays, tasks=TASKS)
TRIAL = TrialSpec(
    dataset=DATA,
    model=MLP(widths=(6,)),
    strategy=Equal(),
    optimizer=SGD(lr=RATE, momentum=0.9, strategy_lr=OWN_RATE),
    steps=STEPS,
    batch_size=16,
    seed=3,
    precision="float64",
)
EVERY = every_strategy(TASKS, points=1)
# Of each way to weigh a few: by losses, with parameters, in epochs, by gradients, by what a task's batch says beside its loss.
TEN = {"stl", "dwa", "uncertainty", "dtp", "softadapt", "gradnorm", "mgda_ub", "pcgrad", "cagrad", "modo", "periodic"}


@pytest.fixture(scope="module")
def dataset(data_root):
    DATA.prepare(data_root)
    return DATA.load(data_root)


def of_a_trial(strategy, dataset):
    """The network, the strategy's state and the weights of each step."""
    trial = dataclasses.replace(TRIAL, strategy=strategy)
    data = PackData([trial], dataset, torch.device("cpu"))
    run = Run.of([trial], data, Computation(torch.device("cpu")))
    weights = []
    backward = type(strategy).backward

    def noted(self, losses, state):
        given, state = backward(self, losses, state)
        weights.append(given[0].clone())
        return given, state

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(strategy), "backward", noted)
        for _ in walk(run, STEPS):
            pass
    data.close()
    return {name: tensor[0] for name, tensor in run.networks.state().items()}, run.state, weights


def batches(dataset):
    """The examples of a trial's mini-batches, in order."""
    data = PackData([TRIAL], dataset, torch.device("cpu"))
    n = STEPS * 3
    train = dataset.splits["train"]
    found = []
    for number in range(n):
        ((indices,),) = [[sampler.batch(number) for sampler in of_trial] for of_trial in data._samplers]
        at = train.located(indices[None])
        found.append(
            (
                train.inputs.gather(at, torch.float64)[0],
                [train.targets[task.name].gather(at, torch.float64)[0] for task in TASKS],
            )
        )
    data.close()
    return found


def in_a_loop(strategy, dataset):
    """The same in plain PyTorch."""
    tasks = strategy.trains(TASKS)
    columns = [TASKS.index(task) for task in tasks]
    network = initialise(TRIAL.model, DATA.input_shape, tasks, TRIAL.seed, torch.float64)
    parameters = TaskParameters(network.trunk.parameters(), [head.parameters() for head in network.heads.values()])
    state = begin_weighing(strategy, TASKS, parameters, seed=TRIAL.seed)
    groups = [{"params": parameters.all()}]
    if state.parameters():
        groups.append({"params": state.parameters(), "lr": OWN_RATE})
    optimizer = torch.optim.SGD(groups, lr=RATE, momentum=0.9)
    data = iter(batches(dataset))
    weights, seen = [], 0

    def losses_of(x, y):
        def compute():
            representation = network.trunk(x)
            predictions = [head(representation) for head in network.heads.values()]
            losses = [torch.nn.functional.cross_entropy(p, y[c]) for p, c in zip(predictions, columns, strict=True)]
            right = [(p.argmax(dim=1) == y[c]).double().mean() for p, c in zip(predictions, columns, strict=True)]
            return BatchLosses(losses, representation, torch.stack(right))

        return compute

    for _ in range(STEPS):
        given = [losses_of(*next(data)) for _ in range(strategy.batches_per_step)]
        state = weigh(strategy, given if len(given) > 1 else given[0], parameters, state, optimizer.step)
        weights.append(state.weights)
        seen += len(given)
        if seen % TRIAL.batches_per_epoch < len(given):
            assert seen % TRIAL.batches_per_epoch == 0, "an epoch ends with a step"
            state = end_epoch(strategy, state)
    return network.state_dict(), state, weights


@pytest.mark.parametrize(
    "strategy",
    [s if s.key in TEN else pytest.param(s, marks=pytest.mark.slow) for s in EVERY],
    ids=lambda strategy: strategy.label,
)
def test_a_loop_of_ones_own_makes_the_steps_of_a_trial(strategy, dataset):
    """Each shipped strategy, 50 steps in float64: parameters, the strategy's state and weights."""
    network, after, weights = of_a_trial(strategy, dataset)
    mine, state, given = in_a_loop(strategy, dataset)
    tolerance = (
        1e-10 if strategy.key == "sdmgrad" else 1e-12
    )  # whose inner steps are so long that they amplify rounding
    assert network.keys() == mine.keys()
    for name in network:
        torch.testing.assert_close(
            mine[name], network[name], rtol=0, atol=tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )
    for kind in ("params", "buffers"):
        expected, found = getattr(after, kind), getattr(state.state, kind)
        assert expected.keys() == found.keys()
        for name in expected:
            torch.testing.assert_close(
                found[name],
                expected[name],
                rtol=100 * tolerance,
                atol=100 * tolerance,
                msg=lambda text, name=name: f"{name}: {text}",
            )
    for one, other in zip(given, weights, strict=True):
        torch.testing.assert_close(one, other, rtol=100 * tolerance, atol=100 * tolerance, equal_nan=True)


# -- what is refused

TRUNK = torch.nn.Linear(2, 2)
HEADS = [torch.nn.Linear(2, 3), torch.nn.Linear(2, 2)]
PARAMETERS = TaskParameters(TRUNK.parameters(), [head.parameters() for head in HEADS])


def computed():
    z = TRUNK(torch.ones(1, 2))
    return [head(z).square().sum() for head in HEADS]


def test_losses_may_be_numbers_and_the_step_ones_own():
    before = begin_weighing(DWA(), TASKS, PARAMETERS)
    after = weigh(DWA(), computed(), PARAMETERS, before)
    assert after.counts.tolist() == [[1, 1]]
    assert before.counts.tolist() == [[0, 0]], "nothing is changed in place"
    assert after.weights.tolist() == [1.0, 1.0]
    assert all(parameter.grad is not None for parameter in PARAMETERS.all())


@pytest.mark.parametrize(
    ("strategy", "losses", "step", "expected"),
    [
        (FAMO(), computed, None, "as its last argument"),
        (FAMO(), computed(), lambda: None, "Give `weigh` a function that computes them"),
        (Equal(), computed()[:1], None, r"one number for each of 2 tasks\. Found 1, of shapes \[\[\]\]"),
        (Equal(), [torch.ones(3), torch.ones(3)], None, r"of shapes \[\[3\], \[3\]\]"),
        (MoDo(), computed, None, "a list of that many functions"),
        (MGDAUB(), computed, None, "a single representation"),
        (DTP(), computed, None, "without the predictions that a metric needs"),
    ],
    ids=[
        "no argument",
        "numbers",
        "one loss of two",
        "a loss for each example",
        "one batch of three",
        "no representation",
        "no metric",
    ],
)
def test_what_a_strategy_lacks_is_said(strategy, losses, step, expected):
    state = begin_weighing(strategy, TASKS, PARAMETERS)
    with pytest.raises(SpecError, match=expected):
        weigh(strategy, losses, PARAMETERS, state, step)


def test_parameters_and_epochs_that_do_not_fit():
    with pytest.raises(SpecError, match="an iterator can be read once only"):
        TaskParameters(iter(()))
    with pytest.raises(SpecError, match="one head for each of the 1 tasks"):
        begin_weighing(SingleTask("first"), TASKS, PARAMETERS)
    with pytest.raises(SpecError, match="at least one batch"):
        end_epoch(Equal(), begin_weighing(Equal(), TASKS, PARAMETERS))


def test_what_a_strategy_trains_is_for_the_optimizer():
    state = begin_weighing(Uncertainty(), TASKS, PARAMETERS)
    (own,) = state.parameters()
    assert own.requires_grad
    weigh(Uncertainty(), computed, PARAMETERS, state)
    assert own.grad is not None


def small(n_tasks):
    torch.manual_seed(0)
    trunk, heads = torch.nn.Linear(3, 4), [torch.nn.Linear(4, 1) for _ in range(3)][:n_tasks]
    x = torch.randn(8, 3)
    tasks = [regression(name) for name in "abc"][:n_tasks]
    parameters = TaskParameters(trunk.parameters(), [head.parameters() for head in heads])
    return tasks, parameters, lambda: [head(trunk(x).relu()).square().mean() for head in heads]


@pytest.mark.parametrize("strategy", [Equal(), DWA(), Uncertainty(), GradNorm(), MGDA(), PCGrad(), FAMO()], ids=str)
def test_a_step_without_a_task_is_that_of_the_strategy_on_the_others(strategy):
    found = {}
    for n_tasks in (2, 3):
        tasks, parameters, losses = small(n_tasks)
        state = begin_weighing(strategy, tasks, parameters)
        before = [p.detach().clone() for p in state.parameters()]
        optimizer = torch.optim.SGD([*parameters.all(), *state.parameters()], lr=0.1, momentum=0.9)

        def given(losses=losses, n_tasks=n_tasks):
            return [*losses()[:2], *[None] * (n_tasks - 2)]

        for _ in range(2):
            state = weigh(strategy, given, parameters, state, optimizer.step)
        state = end_epoch(strategy, state)
        found[n_tasks] = state.weights[:2], [p.detach() for p in parameters.all()[:6]]
        if n_tasks == 3:
            assert state.weights[2] == 0
            assert all(not p.grad.any() for p in parameters.heads[2])
            assert all(torch.equal(p[:, 2], b[:, 2]) for p, b in zip(state.parameters(), before, strict=True))
    torch.testing.assert_close(found[3][0], found[2][0])
    torch.testing.assert_close(found[3][1], found[2][1])


def test_a_step_without_any_task_changes_nothing():
    tasks, parameters, _ = small(3)
    state = begin_weighing(DWA(), tasks, parameters)
    after = weigh(DWA(), [None] * 3, parameters, state)
    assert not any(p.grad.any() for p in parameters.all())
    assert after.counts.sum() == 0
    assert all(torch.equal(after.state.buffers[n], b) for n, b in state.state.buffers.items() if b.shape[1:] == (3,))


def test_frozen_parameters_stay_as_they_are():
    tasks, parameters, losses = small(2)
    parameters.shared[1].requires_grad_(False)
    parameters.heads[0][0].requires_grad_(False)
    state = begin_weighing(MGDA(), tasks, parameters)
    weigh(MGDA(), losses, parameters, state)
    assert parameters.shared[1].grad is None
    assert parameters.shared[0].grad.any()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (lambda: TaskParameters("ab"), "should be tensors that are trained, .* Found 'a'"),
        (lambda: TaskParameters(torch.nn.Linear(3, 3).named_parameters()), "should be tensors that are trained"),
        (lambda: TaskParameters([torch.zeros(3)]), "at least one. Found none with `requires_grad`"),
        (lambda: TaskParameters(*[[torch.zeros(1, requires_grad=True)]] * 2), "should be tensors that are trained"),
        (lambda: begin_weighing(Equal, TASKS, small(2)[1]), "`strategy` should be an AbstractStrategy"),
        (lambda: begin_weighing(Equal(), ("a", "b"), small(2)[1]), "`tasks` should be a Task"),
        (lambda: weighed(lambda losses: [losses[0], 0.0]), "should be tensors, or None"),
        (lambda: weighed(lambda losses: dict(zip("ab", losses, strict=True))), "should be tensors, or None"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_a_loop_gives_wrongly_is_said(given, expected):
    with pytest.raises(SpecError, match=expected):
        given()


def weighed(change):
    tasks, parameters, losses = small(2)
    return weigh(Equal(), change(losses()), parameters, begin_weighing(Equal(), tasks, parameters))
