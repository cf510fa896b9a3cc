"""Pictures of which every third is jittered in colour and every third upside down, and what is asked about that."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mtlray.randomness import numpy_generator

PLAIN, JITTERED, UPSIDE_DOWN = range(3)
_BLOCKS = {"train": 500, "test": 100}
_BRIGHTNESS = _CONTRAST = 0.5  # a factor in 1 ± this
_SATURATION = 0.9
_HUE = 0.5  # of the circle of hues, to either side


def alteration_of(n: int) -> Tensor:
    """What is done to each of a part's pictures, `[picture]` in int8: by its place, in turn."""
    return (torch.arange(n) % 3).to(torch.int8)


def quarter_of(n: int, part: str) -> Tensor:
    """The quarter of its block in the archive that each picture lies in, `[picture]` in int8; blocks of 500 and 100 for testing.

    Counted 1, 2, 3, 0. Nothing in a picture says it.
    """
    block = _BLOCKS[part]
    return ((torch.arange(n) % block // (block // 4) + 1) % 4).to(torch.int8)


def altered(images: Tensor, part: str) -> Iterator[Tensor]:
    """The pictures of a part, `[3, row, column]` in uint8 each, as `alteration_of` says.

    Colours are jittered as torchvision's ColorJitter(0.5, 0.5, 0.9, 0.5) does, once and for all.
    """
    rng = numpy_generator(0, f"cifar100 colours {part}")
    for picture, alteration in zip(images, alteration_of(len(images)).tolist(), strict=True):
        if alteration == UPSIDE_DOWN:
            yield picture.flip(-2)
        elif alteration == JITTERED:
            yield jittered(picture, rng)
        else:
            yield picture


def jittered(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """A picture in uint8 with its brightness, contrast, saturation and hue changed at random, in random order."""
    from torchvision.transforms import functional as F

    changes = (
        (F.adjust_brightness, rng.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS)),
        (F.adjust_contrast, rng.uniform(1 - _CONTRAST, 1 + _CONTRAST)),
        (F.adjust_saturation, rng.uniform(1 - _SATURATION, 1 + _SATURATION)),
        (F.adjust_hue, rng.uniform(-_HUE, _HUE)),
    )
    changed = picture / 255
    for i in rng.permutation(len(changes)):
        change, amount = changes[i]
        changed = change(changed, amount)
    return (changed * 255).round().to(torch.uint8)
