"""The family of moving averages (EMA, REMA, DWEMA), by hand from the equations of the reconstruction."""

import math

import pytest
import torch

from mtlray.errors import SpecError
from mtlray.strategies import DWA, DWEMA, EMA, REMA, ScaleInvariant

FAMILY = (EMA, REMA, DWEMA)
EPOCHS = ([[2.0, 1.0], [4.0, 1.0]], [[1.0, 3.0], [1.0, 1.0]], [[3.0, 2.0], [2.0, 2.0]])


def close(found, expected, rtol=1e-6):
    torch.testing.assert_close(found, torch.as_tensor(expected, dtype=torch.float64), rtol=rtol, atol=0)


@pytest.mark.parametrize("family", FAMILY)
def test_weights_are_one_over_the_average(family, follow):
    # Averages: 2 and 1; then 0.75 * 2 + 0.25 * 4 = 2.5 and 1; then 0.75 * 2.5 + 0.25 = 2.125 and 1.5.
    weights = follow(family(beta=0.75), [[2.0, 1.0], [4.0, 1.0], [1.0, 3.0]])
    close(weights, [[1 / 2, 1], [1 / 2.5, 1], [1 / 2.125, 1 / 1.5]])


@pytest.mark.parametrize("family", FAMILY)
def test_epoch_cadence(family, follow):
    # First epoch: the first batch. Second: the first epoch's mean, (3, 1). Third: 0.5 * (3, 1) + 0.5 * (1, 2).
    weights = follow(family(beta=0.5, cadence="epoch"), *EPOCHS)
    close(weights[:4], [[1 / 2, 1], [1 / 2, 1], [1 / 3, 1], [1 / 3, 1]])
    factor = {EMA: [1.0, 1.0], REMA: [1 / 3, 2.0], DWEMA: follow(DWA(), *EPOCHS)[4].tolist()}[family]
    close(weights[4:], [[factor[0] / 2, factor[1] / 1.5]] * 2)


def test_rema_multiplies_by_the_rate(follow):
    ema, rema = (follow(family(), *EPOCHS) for family in (EMA, REMA))
    assert torch.equal(ema[:4], rema[:4])  # two epochs have no rate yet
    close(rema[4:] / ema[4:], [[1 / 3, 2 / 1]] * 2)


def test_dwema_multiplies_by_the_weights_of_dwa(follow):
    ema, dwema, dwa = (follow(strategy, *EPOCHS) for strategy in (EMA(), DWEMA(temperature=0.5), DWA(temperature=0.5)))
    close(dwema / ema, dwa)
    slow, fast = math.exp(2 / 0.5), math.exp(1 / 3 / 0.5)
    close(dwa[4:], [[2 * fast / (slow + fast), 2 * slow / (slow + fast)]] * 2)


def test_a_high_temperature_makes_dwema_ema(follow):
    close(follow(DWEMA(temperature=1e9), *EPOCHS), follow(EMA(), *EPOCHS))


def test_without_memory_it_is_the_sum_of_logarithms(follow):
    close(follow(EMA(beta=0.0), *EPOCHS), follow(ScaleInvariant(), *EPOCHS), rtol=1e-12)


@pytest.mark.parametrize("family", FAMILY)
def test_renorm_keeps_the_ratios_and_sums_to_the_number_of_tasks(family, follow):
    plain, scaled = follow(family(), *EPOCHS), follow(family(renorm=True), *EPOCHS)
    close(scaled.sum(dim=1), [2.0] * 6)
    close(scaled[:, 0] / scaled[:, 1], plain[:, 0] / plain[:, 1])


@pytest.mark.parametrize("family", FAMILY)
def test_the_average_is_a_constant_for_the_gradient(family, start):
    losses = torch.tensor([[2.0, 0.5]], dtype=torch.float64, requires_grad=True)
    family(beta=0.0).combine(losses, start(family(beta=0.0)))[0].sum().backward()
    close(losses.grad, [[0.5, 2.0]])  # not zero, as that of L / L would be


@pytest.mark.parametrize("family", FAMILY)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 1.0}, "Parameter `beta` should lie in [0, 1). Found `beta = 1.0`."),
        ({"beta": -0.1}, "Parameter `beta` should lie in [0, 1). Found `beta = -0.1`."),
        ({"epsilon": -1.0}, "Parameter `epsilon` should not be negative. Found `epsilon = -1.0`."),
        ({"cadence": "epochs"}, "There is no cadence `epochs`. Did you mean `epoch`? Valid names: batch, epoch."),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_refuses(family, arguments, message):
    with pytest.raises(SpecError) as caught:
        family(**arguments)
    assert str(caught.value) == message


@pytest.mark.usefixtures("unchecked")
def test_dwema_refuses_a_temperature_of_zero():
    with pytest.raises(SpecError, match=r"Parameter `temperature` should be positive. Found `temperature = 0.0`."):
        DWEMA(temperature=0.0)
