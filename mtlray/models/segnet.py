"""SegNet as a shared trunk, with two convolutions for each task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from mtlray.errors import SpecError, unknown_name
from mtlray.models.activation_checkpointing import StagedTrunk
from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.tasks.task import Task

WIDTHS: Mapping[str, tuple[int, ...]] = {"split": (64, 128, 256, 512, 512), "tiny": (12, 16, 24, 32, 32)}
_EXTRA = (1, 1, 2, 2, 2)  # convolutions of a stage of the encoder after its first


def convolutions(n_in: int, n_out: int, count: int = 1) -> nn.Sequential:
    """`count` 3x3 convolutions, each with batch normalisation and ReLU."""
    layers: list[nn.Module] = []
    for n in (n_in, *[n_out] * (count - 1)):
        layers += [nn.Conv2d(n, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers)


def encoder_of(widths: Sequence[int]) -> nn.ModuleList:
    """The five stages of an encoder of colour images, without their pooling."""
    sizes = pairwise((3, *widths))
    return nn.ModuleList(convolutions(a, b, 1 + extra) for (a, b), extra in zip(sizes, _EXTRA, strict=True))


def decoder_of(widths: Sequence[int]) -> nn.ModuleList:
    """The five stages of its decoder, the deepest first, without their unpooling."""
    sizes = pairwise((*reversed(widths), widths[0]))
    return nn.ModuleList(convolutions(a, b, 1 + extra) for (a, b), extra in zip(sizes, reversed(_EXTRA), strict=True))


class SegNetTrunk(StagedTrunk):
    """Encoder and decoder of five stages; unpooling puts values back to where pooling found them. Keeps height and width."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.encoder = encoder_of(widths)
        self.decoder = decoder_of(widths)

    def forward(self, x: Tensor) -> Tensor:
        places: list[tuple[Tensor, tuple[int, int]]] = []
        for layers in self.encoder:
            size = (x.shape[-2], x.shape[-1])
            x, where = self.stage(_encoded, layers, x)
            places.append((where, size))
        for layers in self.decoder:
            x = self.stage(_decoded, layers, x, *places.pop())
        return x


def _encoded(layers: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    pooled, where = F.max_pool2d(layers(x), 2, return_indices=True)
    return pooled, where


def _decoded(layers: nn.Module, x: Tensor, where: Tensor, size: tuple[int, int]) -> Tensor:
    decoded: Tensor = layers(unpooled(x, where, size))
    return decoded


def unpooled(x: Tensor, where: Tensor, size: tuple[int, int]) -> Tensor:
    """Zeros, with the values at the places that pooling took them from.

    As torch's `max_unpool2d`, which torch.func cannot map over seeds.
    """
    zeros = x.new_zeros(*x.shape[:-2], size[0] * size[1])
    return zeros.scatter(-1, where.flatten(-2), x.flatten(-2)).reshape(*x.shape[:-2], *size)


@dataclass(frozen=True)
class SegNet(ModelSpec):
    """SegNet (Badrinarayanan et al. 2017) split at its last two convolutions, as Liu et al. 2019 (mtan, "SegNet-split").

    | preset | widths of the stages | trunk | head of a task with c channels |
    |---|---|---|---|
    | `split` (default) | 64, 128, 256, 512, 512 | 24,943,296 parameters | 36,928 + 65 c |
    | `tiny` | 12, 16, 24, 32, 32 | 132,828 parameters | 1,308 + 13 c |

    The stages of the encoder have 2, 2, 3, 3, 3 convolutions of 3x3, those of the decoder the mirror image. A head is a 3x3 and
    a 1x1 convolution with nothing between them. Weights are Xavier normal, biases zero; none are pretrained.

    >>> import torch
    >>> from mtlray import NYUv2, SegNet
    >>> network = SegNet(preset="tiny").build((3, 32, 64), NYUv2().tasks)
    >>> [tuple(prediction.shape) for prediction in network(torch.zeros(2, 3, 32, 64))]
    [(2, 13, 32, 64), (2, 1, 32, 64), (2, 3, 32, 64)]
    """

    preset: Literal["split", "tiny"] = "split"

    key: ClassVar[str] = "segnet"

    def __post_init__(self) -> None:
        if self.preset not in WIDTHS:
            raise unknown_name("SegNet preset", self.preset, WIDTHS)

    @property
    def label(self) -> str:
        return f"{self.key}-{self.preset}"

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Raises SpecError for inputs other than colour images of at least 32x32, and for tasks whose output is no image of that
        size.
        """
        check_pixels("SegNet", input_shape, tasks)

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        del input_shape
        widths = WIDTHS[self.preset]
        heads = {task.name: pixel_head(widths[0], task) for task in tasks}
        return initialised(SharedTrunk(SegNetTrunk(widths), heads))


def check_pixels(name: str, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
    """Raise SpecError for inputs other than colour images of at least 32x32, and for tasks whose output is no image of that size.

    `name` is the model's in messages.
    """
    found = "x".join(map(str, input_shape))
    if len(input_shape) != 3 or input_shape[0] != 3 or min(input_shape[1:]) < 32:
        raise SpecError(f"{name} takes colour images of at least 3x32x32. The data set has {found}.")
    for task in tasks:
        if len(task.output_shape) != 3 or task.output_shape[1:] != input_shape[1:]:
            shape = "x".join(map(str, task.output_shape))
            raise SpecError(
                f"{name} predicts channels for each pixel of its {found} input. Task `{task.name}` has outputs of {shape}."
            )


def pixel_head(width: int, task: Task) -> nn.Sequential:
    """A 3x3 and a 1x1 convolution with nothing between them, from `width` channels to those of a task."""
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, task.output_shape[0], 1))


def initialised(network: SharedTrunk) -> SharedTrunk:
    """The network with the weights of its convolutions Xavier normal, in their order, and their biases zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return network
