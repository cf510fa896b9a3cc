"""How long trials take on one processor core, guessed from what their networks compute."""

from mtlray.models.operations import Operations, operations
from mtlray.specs import TrialSpec

# Fitted on one core of a server processor of 2023, in float32: LeNet with the compiled kernel, SegNet and VGG on pictures of 36
# to 192 pixels, each within a factor of 1.7.
_FLOPS = 90e9  # a second
_VALUE = 2e-9  # seconds, at each pass over the network; metrics take as long again
_PARAMETER = 4e-9  # seconds of an optimizer's step
_STEP = 1e-3  # seconds

# A network that cannot be counted is taken for LeNet, the only one that used to be counted.
_UNKNOWN = Operations(flops=2_000_000, values=9_000, parameters=50_000)


class Estimates:
    """Seconds of trials; those of one sweep share their specs, and what they have in common is counted once."""

    def __init__(self) -> None:
        self._counted: dict[tuple[object, ...], Operations] = {}
        self._costs: dict[tuple[int, int, int], tuple[Operations, int]] = {}
        self._kept: list[TrialSpec] = []  # ids are of objects that live

    def seconds(self, trial: TrialSpec) -> float:
        """Training and evaluations, at one core in float32."""
        network, passes = self._cost(trial)
        forward = network.flops / _FLOPS + network.values * _VALUE
        n_trained = trial.examples_per_batch * trial.strategy.batches_per_step
        step = n_trained * forward * (1 + 2 * passes) + network.parameters * _PARAMETER + _STEP
        n_evaluated = trial.dataset.n_examples("val") + trial.dataset.n_examples("test")
        return trial.steps * step + trial.n_evaluations * n_evaluated * (forward + network.values * _VALUE)

    def _cost(self, trial: TrialSpec) -> tuple[Operations, int]:
        """The network, and how many backward passes a step has."""
        key = id(trial.dataset), id(trial.model), id(trial.strategy)
        if key not in self._costs:
            self._kept.append(trial)
            tasks = trial.tasks
            passes = len(tasks) if "K" in trial.strategy.backward_passes else 1
            network = id(trial.dataset), id(trial.model), tuple(task.name for task in tasks)
            if network not in self._counted:
                try:
                    counted = operations(trial.model, trial.dataset.input_shape, tasks)
                except (Exception, SystemExit):  # a model of a sweep file may raise anything; training it will say so
                    counted = _UNKNOWN
                self._counted[network] = counted
            self._costs[key] = self._counted[network], passes
        return self._costs[key]
