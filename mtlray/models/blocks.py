"""Where each task has examples of its own: one block of a mini-batch after the other, in the order of the tasks."""

import itertools
from collections.abc import Sequence

from torch import Tensor


def blocks_of(targets: Sequence[Tensor]) -> list[slice]:
    """Where the examples of each task are among the inputs."""
    ends = list(itertools.accumulate(target.shape[1] for target in targets))
    return [slice(end - target.shape[1], end) for end, target in zip(ends, targets, strict=True)]


def in_blocks(predictions: tuple[Tensor, ...], blocks: Sequence[slice]) -> tuple[Tensor, ...]:
    """Each task's predictions for its own examples; all of them where there are no blocks."""
    if not blocks:
        return predictions
    return tuple(prediction[:, block] for prediction, block in zip(predictions, blocks, strict=True))
