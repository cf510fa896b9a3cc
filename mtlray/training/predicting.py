"""What networks predict for a whole split, batch by batch."""

from collections.abc import Generator, Sequence

import torch
from torch import Tensor

from mtlray.axes import Indices
from mtlray.data import Examples
from mtlray.data.batches import Batches
from mtlray.models import Networks


def predict(
    networks: Networks, examples: Examples, batch: int = 500
) -> Generator[tuple[Sequence[Tensor], Sequence[Tensor]], None, None]:
    """Each task's predictions and targets, `[seed, batch, ...]`, for one batch of a split after the other.

    An evaluation is made of these, and what is predicted depends by rounding on how the split is cut. Close it where it is not
    read to its end, for a thread may be reading ahead.
    """
    n = len(examples)

    def indices(number: int) -> Indices:
        return torch.arange(number * batch, min((number + 1) * batch, n)).expand(networks.n_seeds, -1)

    names, end = [task.name for task in networks.tasks], -(-n // batch)
    batches = Batches(examples, names, indices, end, device=networks.device, dtype=networks.dtype)
    try:
        for number in range(end):
            inputs, targets = batches.at(number)
            with torch.no_grad():
                predictions = networks.predict(inputs)
            yield predictions, targets
    finally:
        batches.close()
