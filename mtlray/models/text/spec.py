"""TextEncoder: a trunk for texts of unequal length, with one linear layer for each task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, get_args

from torch import nn

from mtlray.axes import TokenShape
from mtlray.checks import integer, is_number, require, require_choice
from mtlray.errors import SpecError
from mtlray.models.base import ModelSpec, SharedTrunk, linear_head
from mtlray.models.text.encoders import GRU, Convolution, EncoderName, Mean, TextTrunk, Transformer
from mtlray.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class TextEncoder(ModelSpec):
    """An embedding of tokens in `width` numbers, then an encoder, whose result does not depend on padding.

    | encoder | what the heads read |
    |---|---|
    | `mean` (default) | the mean of the tokens' vectors, through one layer with ReLU |
    | `convolution` | `layers` convolutions over `window` tokens with ReLU, the largest value of each channel |
    | `gru` | the last state of `layers` gated recurrent units |
    | `transformer` | `layers` of self-attention with `attention_heads`, the mean over the tokens |

    `dropout` is applied to the tokens' vectors, to the result, and within a Transformer's layers. For data sets whose
    `input_shape` is a `TokenShape`, such as an `ArrayDataset` with `tokens`.

    >>> from mtlray import TextEncoder, TokenShape, binary
    >>> network = TextEncoder(encoder="gru", width=16).build(TokenShape(40, vocabulary=30), [binary("toxic")])
    >>> sum(parameter.numel() for parameter in network.parameters())
    2129
    """

    encoder: EncoderName = "mean"
    width: int = 64
    layers: int = 1
    window: int = 5
    attention_heads: int = 4
    dropout: float = 0.0

    key: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        require_choice("encoder", self.encoder, get_args(EncoderName))
        for name in ("width", "layers", "window", "attention_heads"):
            object.__setattr__(self, name, integer(name, getattr(self, name)))
            require(getattr(self, name) >= 1, name, "be at least 1", getattr(self, name))
        require(self.window % 2 == 1, "window", "be odd, so that a token is in its middle", self.window)
        if self.encoder == "transformer":
            rule = f"be a multiple of the {self.attention_heads} attention heads"
            require(self.width % self.attention_heads == 0, "width", rule, self.width)
        require(is_number(self.dropout) and 0 <= self.dropout < 1, "dropout", "lie in [0, 1)", self.dropout)

    @property
    def label(self) -> str:
        differ = {
            "x": self.layers if self.layers > 1 else "",
            "window": self.window if self.window != 5 and self.encoder == "convolution" else "",
            "heads": self.attention_heads if self.attention_heads != 4 and self.encoder == "transformer" else "",
            "dropout": f"{self.dropout:g}" if self.dropout else "",
        }
        parts = [f"{name}{value}" for name, value in differ.items() if value]
        return "-".join([self.key, self.encoder, str(self.width), *parts])

    @property
    def stochastic(self) -> bool:
        return self.dropout > 0

    def check(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> None:
        """Takes any tasks. Raises SpecError for inputs other than tokens."""
        del tasks
        if not isinstance(input_shape, TokenShape):
            found = "x".join(map(str, input_shape))
            raise SpecError(
                f'TextEncoder takes tokens, such as those of `ArrayDataset(tokens="words")`. The data set has inputs of {found}, '
                "which are numbers: choose `MLP()`, or a model of images."
            )

    def build(self, input_shape: tuple[int, ...], tasks: Sequence[Task]) -> SharedTrunk:
        assert isinstance(input_shape, TokenShape)
        trunk = TextTrunk(input_shape.vocabulary, self.width, self._encoder(), self.dropout)
        return SharedTrunk(trunk, {task.name: linear_head(task, self.width) for task in tasks})

    def _encoder(self) -> nn.Module:
        match self.encoder:
            case "mean":
                return Mean(self.width)
            case "convolution":
                return Convolution(self.width, self.layers, self.window)
            case "gru":
                return GRU(self.width, self.layers)
            case "transformer":
                return Transformer(self.width, self.layers, self.attention_heads, self.dropout)
