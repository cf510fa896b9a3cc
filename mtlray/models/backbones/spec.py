"""Backbone: any classifier of torchvision as a shared trunk, with one linear layer for each task; and ResNet by its depth."""

import abc
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from mtlray.checks import require
from mtlray.errors import SpecError
from mtlray.models.backbones import trunks
from mtlray.models.backbones.weights import content_of
from mtlray.models.base import ModelSpec, SharedTrunk, linear_head
from mtlray.models.fitting import check_fit
from mtlray.tasks.task import Task


@dataclass(frozen=True)
class TorchvisionModel(ModelSpec):
    """A classifier of torchvision without its last layer; a subclass says which."""

    weights: str | None = field(default=None, metadata={"identity": False}, kw_only=True)
    weights_content: str = field(init=False, default="", metadata={"neutral": ""})

    def _settle(self) -> None:
        """Check the network's name, and look at what the file of weights holds."""
        trunks.require_known(self.network)
        if self.weights is not None:
            path = Path(self.weights).expanduser().absolute()
            object.__setattr__(self, "weights", str(path))
            object.__setattr__(self, "weights_content", content_of(path))

    @property
    @abc.abstractmethod
    def network(self) -> str:
        """The name that torchvision has for it."""

    @property
    def label(self) -> str:
        return f"{self.network}-{self.weights_content[:8]}" if self.weights_content else self.network

    @property
    def stochastic(self) -> bool:
        return trunks.is_stochastic(self.network)

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Raises SpecError for inputs other than images, or of a size that the network does not take, and for weights of
        another network.
        """
        trunks.check_inputs(self.network, input_shape, pretrained=self.weights is not None)
        del tasks  # a linear layer serves any, so that the network is tried once for all
        check_fit(self, input_shape, ())

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        path = None if self.weights is None else Path(self.weights)
        trunk, width = trunks.trunk_of(self.network, input_shape, path, self.weights_content)
        return SharedTrunk(trunk, {task.name: linear_head(task, width) for task in tasks})


@dataclass(frozen=True)
class Backbone(TorchvisionModel):
    """Any classifier of torchvision as the trunk, as `Backbone("torchvision:efficientnet_b0")`.

    Its last layer is taken off, and each task has a linear layer in its place. Inputs are images of any number of channels, and
    of a size that the network takes. `weights` names a file with the network's weights to start from, as torchvision offers them
    (`torchvision.models.get_model_weights(name).DEFAULT.url`); pixels are then brought to the mean and standard deviation of
    ImageNet's. What the file holds is part of a trial's identity, and where it lies is not. Networks with dropout or random depth
    run one seed at a time. Raises DataError and SpecError.

    >>> from mtlray import Backbone, binary
    >>> network = Backbone("torchvision:shufflenet_v2_x0_5").build((3, 32, 32), [binary("smiling"), binary("young")])
    >>> network.heads["young"]
    Linear(in_features=1024, out_features=1, bias=True)
    """

    name: str

    key: ClassVar[str] = "backbone"

    def __post_init__(self) -> None:
        library, _, network = self.name.partition(":")
        known = library == "torchvision" and network != ""
        require(known, "name", 'name a classifier of torchvision, as "torchvision:resnet18"', repr(self.name))
        self._settle()

    @property
    def network(self) -> str:
        return self.name.partition(":")[2]


@dataclass(frozen=True)
class ResNet(TorchvisionModel):
    """ResNet of 18 or 50 layers (He et al. 2016) as torchvision has it, with one linear layer for each task.

    | depth | trunk parameters | representation |
    |---|---|---|
    | 18 (default) | 11,176,512 | 512 |
    | 50 | 23,508,032 | 2,048 |

    Inputs and `weights` are as in `Backbone`. Raises DataError and SpecError.

    >>> from mtlray import ResNet, classification
    >>> network = ResNet().build((3, 64, 64), [classification("digit", classes=10)])
    >>> sum(parameter.numel() for parameter in network.trunk.parameters())
    11176512
    """

    depth: Literal[18, 50] = 18

    key: ClassVar[str] = "resnet"

    def __post_init__(self) -> None:
        if self.depth not in (18, 50):
            raise SpecError(
                f"Parameter `depth` should be 18 or 50. Found `depth = {self.depth}`. For others there is "
                '`Backbone("torchvision:resnet34")`.'
            )
        self._settle()

    @property
    def network(self) -> str:
        return f"resnet{self.depth}"
