"""The toy problem: values by hand, a front that nothing beats, and ways that end on it."""

import dataclasses
import math

import pytest
import torch
from PIL import Image

from mtlray.errors import SpecError
from mtlray.strategies import MGDA, Equal, SingleTask
from mtlray.toy.problem import STARTS, front, losses
from mtlray.toy.trajectories import distance, strategies_of, trajectory


def at(*points, scale=1.0):
    return losses(torch.tensor(points, dtype=torch.float64), scale)


def test_losses_by_hand():
    bowl, tanh = -math.tanh(-4.0), math.tanh(1.0)
    assert at((7.0, -8.0))[0].tolist() == pytest.approx([-20 * bowl, (196 / 10 - 20) * bowl])
    valleys = [math.log(abs(-9 / 2 + math.tanh(2))) + 6, math.log(1 / 2 - math.tanh(2) + 2) + 6]
    assert at((2.0, 2.0))[0].tolist() == pytest.approx([tanh * value for value in valleys])
    assert at((2.0, 2.0), scale=0.1)[0].tolist() == pytest.approx([0.1 * tanh * valleys[0], tanh * valleys[1]])
    assert at((5.0, 0.0))[0].tolist() == [0, 0]


def test_the_origin_has_a_slope():
    points = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(losses(points, 1.0)[:, 0].sum(), points)
    valley, bowl = math.log(3.5) + 6, (49 + 6.4) / 10 - 20
    assert slope[0].tolist() == pytest.approx([0, (valley - bowl) / 2])


def test_nothing_beats_the_front():
    best = front(101)
    assert best[50].tolist() == pytest.approx([0, -8.3552], abs=2e-4), "as published"
    of_front = losses(best, 1.0)
    grid = losses(torch.cartesian_prod(*[torch.linspace(-11, 11, 221, dtype=torch.float64)] * 2), 1.0)
    beaten = (grid[:, None] < of_front[None] - 1e-6).all(dim=2)
    assert not beaten.any()
    order = of_front[:, 0].argsort()
    assert (of_front[order, 1].diff() < 0).all(), "along the front no loss falls without the other rising"


def test_the_distance_is_that_of_both_losses():
    assert distance(front(3)).tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    points = torch.tensor([[0.0, 0.0], [math.nan, 0.0]], dtype=torch.float64)
    found = distance(points)
    assert found[0] == pytest.approx(torch.cdist(torch.zeros(1, 2).double(), losses(front(), 1.0)).min().item())
    assert found[1].isnan()


def test_a_step_of_adam_from_each_start():
    way = trajectory(Equal(), steps=1, lr=0.5, scale=1.0)
    assert way.points[0].tolist() == [list(start) for start in STARTS]
    points = torch.tensor(STARTS, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(losses(points, 1.0).sum(), points)
    torch.testing.assert_close(way.points[1], points.detach() - 0.5 * slopes.sign(), atol=1e-5, rtol=0)
    torch.testing.assert_close(way.losses, torch.stack([losses(p, 1.0) for p in way.points]))


def test_a_start_goes_the_same_way_alone(monkeypatch):
    together = trajectory(MGDA(), steps=30).points[:, 2]
    monkeypatch.setattr("mtlray.toy.trajectories.STARTS", STARTS[2:3])
    torch.testing.assert_close(trajectory(MGDA(), steps=30).points[:, 0], together)


def test_a_start_on_the_front_stays_where_the_solver_ends(monkeypatch):
    start = front(3)[1]
    monkeypatch.setattr("mtlray.toy.trajectories.STARTS", (tuple(start.tolist()), (9.0, 9.0)))
    (nash,) = strategies_of("nash")
    points = trajectory(nash, steps=60).points
    assert torch.equal(points[-1, 0], points[-20, 0]), "the sum would take it along the front"
    assert distance(points[-1, :1])[0] < 0.5
    assert not torch.equal(points[-1, 1], points[-20, 1])


@pytest.mark.slow
def test_mgda_reaches_the_front_where_the_sum_is_caught():
    far, near = (trajectory(strategy).distance for strategy in (Equal(), MGDA()))
    assert near[2] < 0.5 < 5 < far[2], "from (9, 9) the sum stays in a valley"


@pytest.mark.parametrize("key", ["dwa", "uncertainty", "famo", "mgda_ub", "sdmgrad", "nash", "gradnorm", "imtl"])
def test_every_kind_of_strategy_runs(key):
    (strategy,) = strategies_of(key)
    way = trajectory(strategy, steps=3)
    assert way.points.shape == (4, 5, 2)
    assert (way.points[3] != way.points[0]).any()


def test_keys():
    assert [strategy.key for strategy in strategies_of("equal, mgda,equal")] == ["equal", "mgda"]
    (nash,) = strategies_of("nash")
    assert nash == dataclasses.replace(type(nash)(), on_solver_error="fallback")
    with pytest.raises(SpecError, match=r"There is no strategy `nsah`\. Did you mean `nash`"):
        strategies_of("nsah")
    with pytest.raises(SpecError, match=r"takes strategies that need no setting\. Found `stl`"):
        strategies_of(SingleTask.key)
    with pytest.raises(SpecError):
        strategies_of("dtp")  # which asks for accuracies


@pytest.mark.parametrize(("fields", "message"), [({"steps": 0}, "at least 1"), ({"lr": -1.0}, "positive")])
def test_slips_are_refused(fields, message):
    with pytest.raises(SpecError, match=message):
        trajectory(Equal(), **fields)


def test_the_command(cli, tmp_path):
    code, out, err = cli("toy", "--strategies", "equal,pcgrad", "--steps", "20", "--out", "toy.png")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()] == ["equal", "pcgrad", "toy.png:"]
    with Image.open(tmp_path / "toy.png") as picture:
        assert len(picture.convert("RGB").getcolors(10**6)) > 50
    code, _, err = cli("toy", "--strategies", "equal", "--steps", "2", "--out", "toy.txt")
    assert code == 2
    assert "Option --out should name a .png, .pdf or .svg file" in err
    code, _, err = cli("toy", "--strategies", "equal", "--steps", "2", "--out", "nowhere/toy.png")
    assert code == 2
    assert "The figure should be written to" in err
