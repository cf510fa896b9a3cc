"""LeNet as a shared trunk with two fully connected layers, or a decoder, for each task."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor, nn

from mtlray.checks import require, require_choice
from mtlray.errors import SpecError, unknown_name
from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.models.conv_pool_relu import ConvPoolReLU
from mtlray.tasks.task import Task

_PRESETS = ("A", "A28", "B", "C")


class Reshape(nn.Module):
    """Give each example of a batch a shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), *self.shape)


@dataclass(frozen=True)
class LeNet(ModelSpec):
    """LeNet (LeCun et al. 1998) in the forms used for Multi-MNIST; Gong et al. 2019 do not state widths.

    | preset | trunk | head | trunk / head parameters at 36x36 |
    |---|---|---|---|
    | A (default) | conv 10@5x5, pool, conv 20@5x5, pool, fc 50 | fc 50, fc 10 | 41,330 / 3,060 |
    | A28 | the same at 28x28 with dropout 1/2, as Sener and Koltun 2018 | dropout, fc 50, fc 10 | 21,330 / 3,060 (28x28) |
    | B | conv 10@9x9, pool, conv 20@5x5, pool, fc 50, as Lin et al. 2019 (Pareto MTL) | fc 10 | 30,890 / 510 |
    | C | conv 20@5x5, pool, conv 50@5x5, pool | fc 500, fc 10 | 25,570 / 905,510 |

    A task whose output is an image gets a decoder in place of the classifier: fc `decoder_width`, ReLU, fc to the pixels, and a
    sigmoid unless `decoder_output` is "linear". Weights are initialised as torch does by default.

    >>> import torch
    >>> from mtlray import MultiMNIST, LeNet
    >>> network = LeNet().build((1, 36, 36), MultiMNIST().tasks)
    >>> [tuple(prediction.shape) for prediction in network(torch.zeros(2, 1, 36, 36))]
    [(2, 10), (2, 10)]
    """

    preset: Literal["A", "A28", "B", "C"] = "A"
    decoder_width: int = 512
    decoder_output: Literal["sigmoid", "linear"] = field(default="sigmoid", metadata={"neutral": "sigmoid"})

    key: ClassVar[str] = "lenet"

    def __post_init__(self) -> None:
        if self.preset not in _PRESETS:
            raise unknown_name("LeNet preset", self.preset, _PRESETS)
        require(self.decoder_width >= 1, "decoder_width", "be at least 1", self.decoder_width)
        require_choice("decoder_output", self.decoder_output, ("sigmoid", "linear"))

    @property
    def label(self) -> str:
        linear = "-linear" if self.decoder_output == "linear" else ""
        return f"{self.key}-{self.preset}{linear}"

    @property
    def stochastic(self) -> bool:
        return self.preset == "A28"

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Raises SpecError for inputs other than one channel of 36x36 (A28: 28x28)."""
        del tasks
        size = 28 if self.preset == "A28" else 36
        if input_shape != (1, size, size):
            found = "x".join(map(str, input_shape))
            raise SpecError(
                f"LeNet preset {self.preset} takes images of 1x{size}x{size}. The data set has {found}. "
                f"Choose another preset, or `MultiMNIST(image_size={size})`."
            )

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        kernel, widths, dropout = {
            "A": (5, (10, 20), 0.0), "A28": (5, (10, 20), 0.5), "B": (9, (10, 20), 0.0), "C": (5, (20, 50), 0.0),
        }[self.preset]  # fmt: skip
        side = ((input_shape[-1] - kernel + 1) // 2 - 4) // 2
        flat = widths[1] * side * side
        layers: list[nn.Module] = [
            ConvPoolReLU(1, widths[0], kernel),
            ConvPoolReLU(widths[0], widths[1], 5, channels_last=False),
        ]
        if dropout:
            layers.append(nn.Dropout2d(dropout))  # of whole channels, so that it may come after pooling and ReLU
        layers.append(nn.Flatten())
        width = flat
        if self.preset != "C":
            layers += [nn.Linear(flat, 50), nn.ReLU()]
            width = 50
        return SharedTrunk(nn.Sequential(*layers), {task.name: self._head(task, width) for task in tasks})

    def _head(self, task: Task, width: int) -> nn.Module:
        n_outputs = math.prod(task.output_shape)
        if len(task.output_shape) > 1:
            output = [nn.Sigmoid()] if self.decoder_output == "sigmoid" else []
            return nn.Sequential(
                nn.Linear(width, self.decoder_width), nn.ReLU(), nn.Linear(self.decoder_width, n_outputs), *output,
                Reshape(task.output_shape),
            )  # fmt: skip
        if self.preset == "B":
            return nn.Linear(width, n_outputs)
        hidden = 500 if self.preset == "C" else 50
        drop = [nn.Dropout(0.5)] if self.preset == "A28" else []
        return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), *drop, nn.Linear(hidden, n_outputs))
