"""Projection onto the simplex, by hand and against TorchJD's."""

import pytest
import torch
from torchjd.aggregation._utils.simplex import project_onto_simplex as oracle

from mtlray.strategies.numerics.simplex import project_onto_simplex


@pytest.mark.parametrize(
    ("point", "nearest"),
    [
        ((0.2, 0.3, 0.5), (0.2, 0.3, 0.5)),
        ((1.0, 1.0, 1.0), (1 / 3, 1 / 3, 1 / 3)),
        ((0.5, 1.5, 0.0), (0.0, 1.0, 0.0)),
        ((0.9, 0.7, -5.0), (0.6, 0.4, 0.0)),
        ((-1e9, 0.0, 1e9), (0.0, 0.0, 1.0)),
    ],
)
def test_by_hand(point, nearest):
    assert project_onto_simplex(torch.tensor([point], dtype=torch.float64))[0].tolist() == pytest.approx(
        nearest, abs=1e-12
    )


def test_each_row_is_that_of_the_oracle():
    points = 2 * torch.randn(50, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = project_onto_simplex(points)
    torch.testing.assert_close(found, torch.stack([oracle(point) for point in points]))
    torch.testing.assert_close(project_onto_simplex(found), found)
    assert (found >= 0).all()


def test_what_is_not_a_number_stays_in_its_row():
    found = project_onto_simplex(torch.tensor([[torch.nan, 1.0], [0.25, 0.75]]))
    assert torch.isnan(found[0]).any()
    assert found[1].tolist() == [0.25, 0.75]


@pytest.mark.parametrize("point", [(-1e17, -2e17), (1e17, 1e17), (-1e300, 1e300), (1e17, 1e17 - 16)])
def test_large_numbers_end_on_the_simplex(point):
    (found,) = project_onto_simplex(torch.tensor([point], dtype=torch.float64))
    assert found.sum().item() == 1
    assert found[0] >= found[1] if point[0] >= point[1] else found[1] == 1
