"""The 9-layer network: its size by formula, and outputs equal to its layers written out."""

import pytest
import torch
import torch.nn.functional as F
from written_out import batch_norm, count, draw_vectors, see

from mtlray.data import CelebA
from mtlray.errors import SpecError
from mtlray.models import NineLayerCNN

TASKS = CelebA().tasks


@pytest.mark.parametrize(("width", "expected"), [(64, 5_176_640), (8, 81_704)])
def test_the_number_of_parameters(width, expected):
    with torch.device("meta"):
        network = NineLayerCNN(width).build((3, 64, 64), TASKS)
    pairs = [(3, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8)]
    widths = [(a if a == 3 else a * width, b * width) for a, b in pairs]
    by_formula = sum(9 * a * b + 2 * b for a, b in widths) + 2 * ((8 * width) ** 2 + 2 * 8 * width)
    assert count(network.trunk) == by_formula == expected
    assert count(network.heads) == 40 * (8 * width + 1)


@pytest.mark.parametrize("training", [True, False])
def test_outputs_are_those_of_the_layers_written_out(training):
    generator = torch.Generator().manual_seed(0)
    network = NineLayerCNN(width=4).build((3, 32, 32), TASKS).double()
    with torch.no_grad():
        draw_vectors(network, generator)
        given = torch.rand(5, 3, 32, 32, generator=generator, dtype=torch.float64)
        see(network, torch.rand(5, 3, 32, 32, generator=generator, dtype=torch.float64))
        network.train(training)
        w = dict(network.named_parameters()) | dict(network.named_buffers())
        x = given
        for stage, n in enumerate((1, 2, 2, 2)):
            for i in range(n):
                name = f"trunk.stages.{stage}"
                x = F.conv2d(x, w[f"{name}.{3 * i}.weight"], padding=1)
                x = batch_norm(w, f"{name}.{3 * i + 1}", x, training).clamp(min=0)
            x = F.max_pool2d(x, 2, 2) if stage < 3 else x.mean(dim=(2, 3))
        for i in (1, 4):
            x = batch_norm(w, f"trunk.connected.{i + 1}", x @ w[f"trunk.connected.{i}.weight"].T, training).clamp(min=0)
        for task, found in zip(TASKS, network(given), strict=True):
            expected = x @ w[f"heads.{task.name}.weight"].T + w[f"heads.{task.name}.bias"]
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
            assert found.std() > 1e-3


def test_what_it_cannot_take_is_refused(unchecked):
    with pytest.raises(SpecError, match="be at least 1"):
        NineLayerCNN(width=0)
    for shape in ((1, 36, 36), (3, 8, 16), (12,)):
        with pytest.raises(SpecError, match="NineLayerCNN takes colour images of at least 3x16x16"):
            NineLayerCNN().check(shape, TASKS)
