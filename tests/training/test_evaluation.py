"""Metrics and losses over a whole split, however it is cut."""

import pytest
import torch

from mtlray.models import Computation, LeNet, Networks
from mtlray.training.evaluation import evaluate

CPU = torch.device("cpu")


def test_evaluation_covers_the_whole_split(digits, digits_spec):
    networks = Networks(LeNet(decoder_width=8), (1, 36, 36), digits_spec.tasks, (0, 1), Computation(CPU), "float64")
    split = digits.splits["val"]
    whole = evaluate(networks, split)
    cut = evaluate(networks, split, 33)
    assert {name: pytest.approx(values, rel=1e-12) for name, values in whole.items()} == cut

    indices = torch.arange(200).expand(2, -1)
    left, _, picture = networks.predict(split.inputs.gather(indices, torch.float64))
    labels = split.targets["left"].values.long()
    assert whole["left/accuracy"] == pytest.approx((100 * (left.argmax(-1) == labels).double().mean(1)).tolist())
    target = split.targets["reconstruct"].values.double() / 255
    assert whole["reconstruct/mse"] == pytest.approx((picture - target).square().mean((1, 2, 3)).tolist())
    assert whole["reconstruct/loss"] == pytest.approx(whole["reconstruct/mse"])
