"""VGG as a shared trunk, with two convolutions and one fully connected layer for each task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor, nn

from mtlray.errors import SpecError, unknown_name
from mtlray.models.activation_checkpointing import StagedTrunk
from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.tasks.task import Task

# Widths of the convolutions of each stage of the small variant; between stages 2x2 max-pooling.
_SMALL = ((16,), (32,), (64, 64))
_PRESETS = ("16", "small")


class VGGTrunk(StagedTrunk):
    """Layers one after the other, named as in nn.Sequential; a stage ends with max-pooling."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        stages: list[list[nn.Module]] = [[]]
        for i, layer in enumerate(layers):
            self.add_module(str(i), layer)
            stages[-1].append(layer)
            if isinstance(layer, nn.MaxPool2d):
                stages.append([])
        # In a tuple, which names no layer a second time.
        self._stages = tuple(nn.Sequential(*stage) for stage in stages)

    def forward(self, x: Tensor) -> Tensor:
        for layers in self._stages:
            x = self.stage(nn.Sequential.forward, layers, x)
        return x


@dataclass(frozen=True)
class VGG(ModelSpec):
    """VGG (Simonyan and Zisserman 2015) for faces, as Gong et al. 2019, section II.C; widths of the heads are not stated there.

    | preset | trunk | trunk parameters |
    |---|---|---|
    | `16` (default) | torchvision's VGG16 up to its last convolution, 512 channels at 1/16 of the size | 14,714,688 |
    | `small` | convolutions of 16, 32, 64 and 64 channels with batch normalisation, for a CPU; 1/4 of the size | 60,864 |

    A head is two 3x3 convolutions of the trunk's width with ReLU, the mean over the picture, and one fully connected layer.
    Weights are drawn as torchvision draws them; none are pretrained.

    >>> import torch
    >>> from mtlray import UTKFace, VGG
    >>> network = VGG().build((3, 64, 64), UTKFace(n_images=(80, 20)).tasks)
    >>> [tuple(prediction.shape) for prediction in network(torch.zeros(2, 3, 64, 64))]
    [(2, 101), (2, 2)]
    """

    preset: Literal["16", "small"] = "16"

    key: ClassVar[str] = "vgg"

    def __post_init__(self) -> None:
        if self.preset not in _PRESETS:
            raise unknown_name("VGG preset", self.preset, _PRESETS)

    @property
    def label(self) -> str:
        return f"{self.key}-{self.preset}"

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Raises SpecError for inputs other than colour images of at least 32x32, and for tasks whose output is an image."""
        if len(input_shape) != 3 or input_shape[0] != 3 or min(input_shape[1:]) < 32:
            found = "x".join(map(str, input_shape))
            raise SpecError(f"VGG takes colour images of at least 3x32x32. The data set has {found}.")
        for task in tasks:
            if len(task.output_shape) != 1:
                shape = "x".join(map(str, task.output_shape))
                raise SpecError(f"VGG predicts a vector for each image. Task `{task.name}` has outputs of {shape}.")

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        del input_shape
        trunk = _vgg16() if self.preset == "16" else _small()
        width = 512 if self.preset == "16" else _SMALL[-1][-1]
        network = SharedTrunk(trunk, {task.name: _head(width, task.output_shape[0]) for task in tasks})
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                assert module.bias is not None
                nn.init.zeros_(module.bias)
        return network


def _vgg16() -> nn.Module:
    from torchvision.models import vgg16

    return VGGTrunk(vgg16(weights=None, init_weights=False).features[:-1])


def _small() -> nn.Module:
    layers: list[nn.Module] = []
    n_in = 3
    for stage in _SMALL:
        if layers:
            layers.append(nn.MaxPool2d(2))
        for width in stage:
            layers += [nn.Conv2d(n_in, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            n_in = width
    return VGGTrunk(layers)


def _head(width: int, n_outputs: int) -> nn.Module:
    convolutions = [layer for _ in range(2) for layer in (nn.Conv2d(width, width, 3, padding=1), nn.ReLU())]
    return nn.Sequential(*convolutions, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, n_outputs))
