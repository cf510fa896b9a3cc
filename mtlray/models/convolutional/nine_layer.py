"""The network of nine layers with which newer papers report on CelebA, with one linear layer for each task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from mtlray.checks import integer, require
from mtlray.errors import SpecError
from mtlray.models.activation_checkpointing import StagedTrunk
from mtlray.models.base import ModelSpec, SharedTrunk, linear_head
from mtlray.tasks.task import Task

_CONVOLUTIONS = (1, 2, 2, 2)  # of each stage; channels double from one to the next
_CHANNELS = 3


class NineLayerTrunk(StagedTrunk):
    """Seven convolutions in four stages, the mean over the picture, and two fully connected layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        n_in = _CHANNELS
        for i, count in enumerate(_CONVOLUTIONS):
            layers: list[nn.Module] = []
            for _ in range(count):
                n_out = width * 2**i
                layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
                n_in = n_out
            is_last = i == len(_CONVOLUTIONS) - 1
            stages.append(nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1) if is_last else nn.MaxPool2d(2)))
        self.stages = nn.ModuleList(stages)
        connected = (nn.Linear(n_in, n_in, bias=False), nn.BatchNorm1d(n_in), nn.ReLU())
        again = (nn.Linear(n_in, n_in, bias=False), nn.BatchNorm1d(n_in), nn.ReLU())
        self.connected = nn.Sequential(nn.Flatten(), *connected, *again)

    def forward(self, x: Tensor) -> Tensor:
        for layers in self.stages:
            x = self.stage(nn.Sequential.forward, layers, x)
        represented: Tensor = self.connected(x)
        return represented


@dataclass(frozen=True)
class NineLayerCNN(ModelSpec):
    """The 9-layer convolutional network of the published results on CelebA, as in the code of FAMO (Liu et al. 2023).

    | | channels of the stages | trunk parameters | representation |
    |---|---|---|---|
    | `NineLayerCNN()` | 64, 128, 256, 512 | 5,176,640 | 512 |
    | `NineLayerCNN(width=8)`, a small one | 8, 16, 32, 64 | 81,704 | 64 |

    Four stages of 1, 2, 2 and 2 convolutions of 3x3 with batch normalisation and ReLU; 2x2 max-pooling between them, and the mean
    over the picture at the end; two fully connected layers, also with batch normalisation and ReLU, and none of the nine with a
    bias. Weights are drawn as torch does by default.

    The tables of FAMO and FairGrad, which Nash-MTL is in, have pictures of 64x64, `CelebA()`, Adam with a learning rate of 3e-4,
    batches of 256 and 15 epochs, of which the one with the best mean F1 in validation counts.

    >>> from mtlray import CelebA, NineLayerCNN
    >>> network = NineLayerCNN(width=8).build((3, 64, 64), CelebA().tasks)
    >>> sum(parameter.numel() for parameter in network.trunk.parameters()), network.heads["Smiling"]
    (81704, Linear(in_features=64, out_features=1, bias=True))
    """

    width: int = 64

    key: ClassVar[str] = "nine_layer"

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", integer("width", self.width))
        require(self.width >= 1, "width", "be at least 1", self.width)

    @property
    def label(self) -> str:
        return f"{self.key}-{self.width}"

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Takes any tasks. Raises SpecError for inputs other than colour images of at least 16x16."""
        del tasks
        if len(input_shape) != 3 or input_shape[0] != _CHANNELS or min(input_shape[1:]) < 16:
            found = "x".join(map(str, input_shape))
            raise SpecError(
                f"NineLayerCNN takes colour images of at least 3x16x16. The data set has inputs of {found}."
            )

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        del input_shape
        representation = self.width * 2 ** (len(_CONVOLUTIONS) - 1)
        heads = {task.name: linear_head(task, representation) for task in tasks}
        return SharedTrunk(NineLayerTrunk(self.width), heads)
