"""The plain loop of the paper's trials is the same function as ours: predictions, losses, objectives and weights."""

import numpy as np
import pytest
import torch
from scripts import script

from mtlray import DWA, Equal, LeNet, MultiMNIST, RevisedUncertainty, Uncertainty
from mtlray.models.beginning import initialise

plain = script("benchmarks/plain_gong2019.py")

LOSSES = torch.tensor([[0.7, 0.04]])


@pytest.mark.parametrize("names", [("left", "right"), ("left", "reconstruct")])
def test_predictions_and_losses_are_ours(names):
    tasks = MultiMNIST(task_names=names).tasks
    ours = initialise(LeNet(), (1, 36, 36), tasks, 0, torch.float32)
    network = plain.Network(names)
    network.load_state_dict(dict(zip(network.state_dict(), ours.state_dict().values(), strict=True)))
    images = torch.rand(4, 1, 36, 36)
    targets = {"left": torch.arange(4), "right": torch.arange(4), "reconstruct": torch.rand(4, 36, 36)}
    predicted = network(images)
    for task, expected in zip(tasks, ours(images), strict=True):
        torch.testing.assert_close(predicted[task.name].view_as(expected), expected)
        loss = plain.loss_of(task.name, predicted[task.name], targets[task.name])
        torch.testing.assert_close(loss, task.loss(expected[None], targets[task.name][None])[0])


@pytest.mark.parametrize("strategy", [Equal(), Uncertainty(), RevisedUncertainty()], ids=lambda s: s.key)
@pytest.mark.parametrize("names", [("left", "right"), ("left", "reconstruct")])
def test_objectives_are_ours(strategy, names):
    tasks = MultiMNIST(task_names=names).tasks
    weighting, state = plain.Weighting(strategy.key, names), strategy.init(tasks, torch.tensor([0]))
    for value in (0.0, 0.3):
        for parameters in (weighting.learned, state.params.values()):
            for parameter in parameters:
                parameter.data += value
        expected, _, _ = strategy.combine(LOSSES, state)
        torch.testing.assert_close(torch.as_tensor(weighting.objective(LOSSES[0])).detach(), expected[0].detach())


def test_dwa_s_weights_are_ours():
    strategy, weighting = DWA(), plain.Weighting("dwa", ("left", "right"))
    state = strategy.init(MultiMNIST().tasks, torch.tensor([0]))
    for means in ([2.0, 1.0], [1.0, 0.9], [0.8, 0.85], [0.8, 0.8]):
        state = strategy.end_epoch(torch.tensor([means]), state)
        weighting.end_epoch(np.array(means))
        _, weights, _ = strategy.combine(LOSSES, state)
        np.testing.assert_allclose(weighting.weights, weights[0].numpy(), rtol=1e-6)
