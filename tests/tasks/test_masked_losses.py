"""Losses over the labels that are there: torch's own on what has a label, zero with no gradient where nothing has."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlray.errors import SpecError
from mtlray.tasks.masked_losses import BinaryCrossEntropy, ClassCrossEntropy, StandardError

NAN = float("nan")


@given(seed=st.integers(0, 1000), missing=st.floats(0, 1), weighted=st.booleans())
@settings(deadline=None)
def test_torchs_own_loss_on_the_examples_with_a_label(seed, missing, weighted):
    random = torch.Generator().manual_seed(seed)
    there = torch.rand(2, 9, generator=random) >= missing
    weights = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
    pairs = [
        (
            ClassCrossEntropy(class_weights=tuple(weights.tolist()) if weighted else ()),
            torch.randn(2, 9, 3, generator=random, dtype=torch.float64),
            torch.randint(0, 3, (2, 9), generator=random),
            -1,
            torch.nn.CrossEntropyLoss(weight=weights if weighted else None),
        ),
        (
            BinaryCrossEntropy(positive_weight=3.0 if weighted else 1.0),
            torch.randn(2, 9, 1, generator=random, dtype=torch.float64),
            torch.randint(0, 2, (2, 9), generator=random),
            -1,
            torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0 if weighted else 1.0)),
        ),
        (
            StandardError(mean=2.0, std=4.0, power=1 if weighted else 2),
            torch.randn(2, 9, 1, generator=random, dtype=torch.float64),
            torch.randn(2, 9, 1, generator=random, dtype=torch.float64),
            NAN,
            torch.nn.L1Loss() if weighted else torch.nn.MSELoss(),
        ),
    ]
    for loss, prediction, target, none, torchs in pairs:
        mask = there if target.ndim == 2 else there[..., None]
        prediction.requires_grad_()
        values = loss(prediction, torch.where(mask, target, none))
        (gradient,) = torch.autograd.grad(values.sum(), prediction)
        for row in range(2):
            kept = there[row]
            if not kept.any():
                assert values[row] == 0
                assert not gradient[row].any()
                continue
            given, wanted = prediction[row][kept], target[row][kept]
            if isinstance(loss, BinaryCrossEntropy):
                given, wanted = given[:, 0], wanted.double()
            if isinstance(loss, StandardError):
                wanted = (wanted - 2) / 4
            expected = torchs(given, wanted)
            torch.testing.assert_close(values[row], expected, rtol=1e-12, atol=1e-12)
            (of_row,) = torch.autograd.grad(expected, prediction)
            torch.testing.assert_close(gradient[row], of_row[row], rtol=1e-10, atol=1e-12)


def test_settings_out_of_range_are_refused():
    for make, match in (
        (lambda: ClassCrossEntropy(class_weights=(1, 0)), "class_weights` should be positive numbers"),
        (lambda: BinaryCrossEntropy(positive_weight=-1), "positive_weight` should be a positive number"),
        (lambda: StandardError(power=3), "power` should be 1 or 2"),
        (lambda: StandardError(std=0.0), "std` should be a positive number"),
    ):
        with pytest.raises(SpecError, match=match):
            make()
