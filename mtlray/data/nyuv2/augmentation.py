"""Random scaling, cropping and flipping of images with classes, depth and normals, each changed to match the picture."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

SCALES = (1.0, 1.2, 1.5)


def flipped_and_scaled(
    inputs: Tensor, targets: Mapping[str, Tensor], random: Sequence[torch.Generator]
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Each image is enlarged by one of SCALES, cropped to its size at a random place, and flipped left to right half the time.

    As Liu et al. 2019 (mtan, from 2020 on): an image enlarged by s shows its rooms nearer, so that depth is divided by s;
    flipped, the x of a normal changes its sign. Colours are interpolated, targets take the nearest pixel.
    """
    images = torch.empty_like(inputs)
    changed = {name: torch.empty_like(target) for name, target in targets.items()}
    height, width = inputs.shape[-2:]
    for seed, generator in enumerate(random):
        for i in range(inputs.shape[1]):
            scale = SCALES[int(torch.randint(len(SCALES), (), generator=generator))]
            h, w = int(height / scale), int(width / scale)
            top = int(torch.randint(height - h + 1, (), generator=generator))
            left = int(torch.randint(width - w + 1, (), generator=generator))
            flip = bool(torch.rand((), generator=generator) < 0.5)
            box = (slice(top, top + h), slice(left, left + w))
            picture = inputs[seed, i][..., box[0], box[1]].unsqueeze(0)
            grown = F.interpolate(picture, (height, width), mode="bilinear", align_corners=True)[0]
            images[seed, i] = grown.flip(-1) if flip else grown
            for name, target in targets.items():
                part = _nearest(target[seed, i][..., box[0], box[1]], height, width)
                if name == "depth":
                    part = part / scale
                if flip:
                    part = part.flip(-1)
                    if name == "normals":
                        part[0] = -part[0]
                changed[name][seed, i] = part
    return images, changed


def _nearest(values: Tensor, height: int, width: int) -> Tensor:
    """The values, `[..., h, w]`, at the nearest pixels of a larger grid; a copy."""
    rows = torch.arange(height, device=values.device) * values.shape[-2] // height
    columns = torch.arange(width, device=values.device) * values.shape[-1] // width
    return values[..., rows[:, None], columns]
