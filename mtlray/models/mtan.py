"""MTAN: SegNet as the features that all tasks share, and for each task attention to them at every stage."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtlray.errors import unknown_name
from mtlray.models.activation_checkpointing import StagedTrunk
from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.models.segnet import (
    WIDTHS,
    check_pixels,
    convolutions,
    decoder_of,
    encoder_of,
    initialised,
    pixel_head,
    unpooled,
)
from mtlray.tasks.task import Task

_PRESETS = {"segnet": WIDTHS["split"], "tiny": WIDTHS["tiny"]}
_LAYERS = 3  # modules of one convolution: itself, batch normalisation, ReLU


class Stage(NamedTuple):
    """What attention at a stage reads, `early`, and what it weighs, `late`, both `[..., channel, row, column]`.

    In the encoder these are the results of the stage's first and last convolution, in the decoder its unpooled input and its
    result.
    """

    early: Tensor
    late: Tensor


class Shared(StagedTrunk):
    """The shared SegNet, and the convolutions through which every task hands its attended features to the next stage."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder_of(widths), decoder_of(widths)
        onwards = pairwise((*widths, widths[-1]))
        self.encoder_passes = nn.ModuleList(convolutions(a, b) for a, b in onwards)
        upwards = pairwise((*reversed(widths), widths[0]))
        self.decoder_passes = nn.ModuleList(convolutions(a, b) for a, b in upwards)

    def forward(self, x: Tensor) -> tuple[list[Stage], list[Stage]]:
        """The stages of the encoder, and of the decoder."""
        encoded, decoded, places = [], [], []
        for layers in self.encoder:
            early, late, x, where = self.stage(_encoded, layers, x)
            encoded.append(Stage(early, late))
            places.append((where, (late.shape[-2], late.shape[-1])))
        for layers in self.decoder:
            early, x = self.stage(_decoded, layers, x, *places.pop())
            decoded.append(Stage(early, x))
        return encoded, decoded


def _encoded(layers: nn.Sequential, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    early = layers[:_LAYERS](x)
    late = layers[_LAYERS:](early)
    pooled, where = F.max_pool2d(late, 2, return_indices=True)
    return early, late, pooled, where


def _decoded(layers: nn.Sequential, x: Tensor, where: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    early = unpooled(x, where, size)
    return early, layers(early)


def _attention(n_in: int, n_out: int) -> nn.Sequential:
    """Two 1x1 convolutions that make a mask in (0, 1)."""
    reads = (nn.Conv2d(n_in, n_out, 1), nn.BatchNorm2d(n_out), nn.ReLU())
    return nn.Sequential(*reads, nn.Conv2d(n_out, n_out, 1), nn.BatchNorm2d(n_out), nn.Sigmoid())


class TaskAttention(nn.Module):
    """A task's own part: a mask over the shared features of each stage, and its prediction for each pixel."""

    def __init__(self, widths: Sequence[int], task: Task) -> None:
        super().__init__()
        first, *deeper = widths
        self.encoder = nn.ModuleList([_attention(first, first), *(_attention(2 * width, width) for width in deeper)])
        outputs = (*reversed(widths[:-1]), first)
        unpooled_widths = reversed(widths)
        self.decoder = nn.ModuleList(
            _attention(read + width, width) for read, width in zip(unpooled_widths, outputs, strict=True)
        )
        self.prediction = pixel_head(first, task)

    def forward(self, encoded: Sequence[Stage], decoded: Sequence[Stage], shared: Shared) -> Tensor:
        handed: list[Tensor] = []  # nothing to the first stage
        for stage, attend, onward in zip(encoded, self.encoder, shared.encoder_passes, strict=True):
            attended = attend(torch.cat([stage.early, *handed], dim=1)) * stage.late
            handed = [F.max_pool2d(onward(attended), 2)]
        (x,) = handed
        for stage, attend, upward in zip(decoded, self.decoder, shared.decoder_passes, strict=True):
            grown = F.interpolate(x, stage.late.shape[-2:], mode="bilinear", align_corners=True)
            x = attend(torch.cat([stage.early, upward(grown)], dim=1)) * stage.late
        predicted: Tensor = self.prediction(x)
        return predicted


class Attended(SharedTrunk):
    """Heads that read all stages of the trunk, and use its convolutions between them."""

    def forward(self, inputs: Tensor) -> tuple[Tensor, ...]:
        encoded, decoded = self.trunk(inputs)
        return tuple(head(encoded, decoded, self.trunk) for head in self.heads.values())


@dataclass(frozen=True)
class MTAN(ModelSpec):
    r"""Multi-task attention network on SegNet (Liu et al. 2019, equations 1 and 2, and their public code, mtan).

    At stage j, task i weighs the shared features p by a mask, :math:`\hat a_i^{(j)} = a_i^{(j)} \odot p^{(j)}`, with
    :math:`a_i^{(j)} = h_i^{(j)}(g_i^{(j)}([u^{(j)}; f^{(j)}(\hat a_i^{(j-1)})]))`: g and h are 1x1 convolutions with batch
    normalisation, and a ReLU and a sigmoid; u is what the stage begins with; f is a 3x3 convolution that all tasks share, with
    pooling in the encoder and bilinear enlargement in the decoder.

    | preset | widths of the stages | trunk | of a task with c channels |
    |---|---|---|---|
    | `segnet` (default) | 64, 128, 256, 512, 512 | 35,163,456 parameters | 3,021,504 + 65 c |
    | `tiny` | 12, 16, 24, 32, 32 | 186,660 parameters | 18,308 + 13 c |

    With the three tasks of NYUv2 that is 44,229,073, and 44,229,076 with the three of uncertainty weighting, which mtan keeps in
    its network: 1.77 times the single-task network, as the paper's table has it. The trunk has SegNet and the convolutions f;
    masks and predictions are the tasks' own, as in the code of CAGrad. That of Nash-MTL and those that build on it count all but
    the predictions as shared, which alters what strategies see that compare lengths of gradients. There is no single
    representation that all heads read. Weights are Xavier normal, biases zero; none are pretrained.

    The published tables on NYUv2 (CAGrad, Nash-MTL, FAMO and later) need `NYUv2(augment_training=True)` without `val_images`,
    Adam with a learning rate of 1e-4 halved after 100 of 200 epochs, batches of 2, and the mean of the last ten epochs on the
    test images: `mtlray table --select mean_last_10` with an evaluation after each epoch.

    >>> import torch
    >>> from mtlray import MTAN, NYUv2
    >>> network = MTAN(preset="tiny").build((3, 32, 64), NYUv2().tasks)
    >>> [tuple(prediction.shape) for prediction in network(torch.zeros(2, 3, 32, 64))]
    [(2, 13, 32, 64), (2, 1, 32, 64), (2, 3, 32, 64)]
    """

    preset: Literal["segnet", "tiny"] = "segnet"

    key: ClassVar[str] = "mtan"

    def __post_init__(self) -> None:
        if self.preset not in _PRESETS:
            raise unknown_name("MTAN preset", self.preset, _PRESETS)

    @property
    def label(self) -> str:
        return f"{self.key}-{self.preset}"

    @property
    def single_representation(self) -> bool:
        return False

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Raises SpecError for inputs other than colour images of at least 32x32, and for tasks whose output is no image of that
        size.
        """
        check_pixels("MTAN", input_shape, tasks)

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        del input_shape
        widths = _PRESETS[self.preset]
        return initialised(Attended(Shared(widths), {task.name: TaskAttention(widths, task) for task in tasks}))
