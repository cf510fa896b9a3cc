"""Wide residual networks as a shared trunk, with one linear layer for each task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from mtlray.checks import integer, is_number, require
from mtlray.errors import SpecError
from mtlray.models.activation_checkpointing import StagedTrunk
from mtlray.models.base import ModelSpec, SharedTrunk, linear_head
from mtlray.tasks.task import Task

_FIRST = 16  # channels of the first convolution, and of the first group at width 1
_STRIDES = (1, 2, 2)


class Block(nn.Module):
    """Two 3x3 convolutions, each after batch normalisation and ReLU, added to what comes in.

    Where the number of channels changes, what comes in goes through the first normalisation and ReLU and a 1x1 convolution.
    """

    def __init__(self, n_in: int, n_out: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(n_in), nn.ReLU())
        drop = [nn.Dropout(dropout)] if dropout else []
        self.convolutions = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False),
            *(nn.BatchNorm2d(n_out), nn.ReLU(), *drop),
            nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        )
        self.shortcut = None if n_in == n_out else nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        read = self.before(x)
        kept = x if self.shortcut is None else self.shortcut(read)
        added: Tensor = kept + self.convolutions(read)
        return added


class WideResNetTrunk(StagedTrunk):
    """A 3x3 convolution, three groups of blocks, and the mean over the picture; each block is a stage."""

    def __init__(self, n_channels: int, depth: int, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_channels, _FIRST, 3, padding=1, bias=False)
        blocks: list[Block] = []
        n_in = _FIRST
        for group, stride in enumerate(_STRIDES):
            n_out = _FIRST * width * 2**group
            for i in range((depth - 4) // 6):
                blocks.append(Block(n_in, n_out, 1 if i else stride, dropout))
                n_in = n_out
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Sequential(nn.BatchNorm2d(n_in), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = self.stage(Block.forward, block, x)
        represented: Tensor = self.last(x)
        return represented


@dataclass(frozen=True)
class WideResNet(ModelSpec):
    """Wide residual network, WRN-`depth`-`width` (Zagoruyko and Komodakis 2016, Table 1, and their public code).

    | | trunk parameters, colour pictures | representation |
    |---|---|---|
    | `WideResNet()`, WRN-28-10 | 36,472,784 | 640 |
    | `WideResNet(16, 2)`, a small one | 690,384 | 128 |
    | `WideResNet(10, 1)`, a smaller one | 77,200 | 64 |

    With a linear layer to the 100 classes of CIFAR-100 WRN-28-10 has 36,536,884: the paper's 36.5 million. `depth` is 6 n + 4,
    for n blocks in each of three groups, whose channels are 16, 32 and 64 times `width`. `dropout` is that between the two
    convolutions of a block; 0.3 in the paper, and in the public code of Huq and Pervin. Weights of convolutions are normal as in
    He et al. 2015, by the number of outputs; a linear layer has torch's, and biases of zero. The paper brings pixels to the mean
    and standard deviation of the training pictures, and here they are as the data set gives them.

    >>> from mtlray import CIFAR100, WideResNet
    >>> network = WideResNet(depth=10, width=1).build((3, 32, 32), CIFAR100().tasks)
    >>> sum(parameter.numel() for parameter in network.trunk.parameters()), network.heads["fine"]
    (77200, Linear(in_features=64, out_features=100, bias=True))
    """

    depth: int = 28
    width: int = 10
    dropout: float = 0.0

    key: ClassVar[str] = "wrn"

    def __post_init__(self) -> None:
        for name in ("depth", "width"):
            object.__setattr__(self, name, integer(name, getattr(self, name)))
        require(self.depth >= 10 and self.depth % 6 == 4, "depth", "be 6 n + 4, such as 10, 16, 22 or 28", self.depth)
        require(self.width >= 1, "width", "be at least 1", self.width)
        require(is_number(self.dropout) and 0 <= self.dropout < 1, "dropout", "lie in [0, 1)", self.dropout)

    @property
    def label(self) -> str:
        dropout = f"-dropout{self.dropout:g}" if self.dropout else ""
        return f"{self.key}-{self.depth}-{self.width}{dropout}"

    @property
    def stochastic(self) -> bool:
        return self.dropout > 0

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Takes any tasks. Raises SpecError for inputs other than images of at least 8x8."""
        del tasks
        if len(input_shape) != 3 or min(input_shape[1:]) < 8:
            found = "x".join(map(str, input_shape))
            raise SpecError(
                f"WideResNet takes images of at least 8x8, channels first. The data set has inputs of {found}."
            )

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        trunk = WideResNetTrunk(input_shape[0], self.depth, self.width, self.dropout)
        representation = _FIRST * self.width * 2 ** (len(_STRIDES) - 1)
        network = SharedTrunk(trunk, {task.name: linear_head(task, representation) for task in tasks})
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        return network
