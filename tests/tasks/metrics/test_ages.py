"""Ages from scores, and their errors."""

import numpy as np
import pytest
import torch

from mtlray.tasks.metrics import MeanAgeError, MedianAgeError
from mtlray.tasks.metrics.ages import predicted_ages


def test_the_expectation_of_the_softmax():
    scores = torch.tensor([[[0.0, 0.0, np.log(2.0)]]])
    assert predicted_ages(scores).item() == pytest.approx((0 + 1 + 2 * 2) / 4)
    assert predicted_ages(torch.tensor([[[31.5]]])).item() == 31.5


@pytest.mark.parametrize("sizes", [[7], [3, 3, 1]], ids=str)
@pytest.mark.parametrize("n_outputs", [1, 101])
def test_errors_as_numpy_has_them(measure, sizes, n_outputs):
    rng = torch.Generator().manual_seed(0)
    scores, ages = 5 * torch.randn(2, 7, n_outputs, generator=rng), torch.randint(101, (2, 7), generator=rng)
    s = scores.double().numpy()
    if n_outputs == 1:
        years = s[..., 0]
    else:
        p = np.exp(s) / np.exp(s).sum(-1, keepdims=True)
        years = (p * np.arange(101)).sum(-1)
    errors = np.abs(years - ages.numpy())
    assert measure(MeanAgeError(), scores, ages, sizes) == pytest.approx(errors.mean(1).tolist(), abs=1e-6)
    assert measure(MedianAgeError(), scores, ages, sizes) == pytest.approx(np.median(errors, 1).tolist(), rel=1e-7)
