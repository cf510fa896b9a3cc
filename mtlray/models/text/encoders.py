"""Trunks for tokens `[batch, position]`, 0 for padding after the last one: a vector for each text, whatever the padding.

Attention and the recurrent unit are written out, because those of torch are not mapped over the seeds of a pack.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

EncoderName = Literal["mean", "convolution", "gru", "transformer"]


class TextTrunk(nn.Module):
    """An embedding of the tokens, and an encoder from `[batch, position, width]` and a mask to `[batch, width]`."""

    def __init__(self, vocabulary: int, width: int, encoder: nn.Module, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        there = (tokens != 0).unsqueeze(-1)
        x = self.dropout(self.embedding(tokens)) * there
        encoded: Tensor = self.dropout(self.encoder(x, there))
        return encoded


class Mean(nn.Module):
    """The mean of the tokens' vectors, and one layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, width)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        return torch.relu(self.layer(mean_of(x, there)))


class Convolution(nn.Module):
    """Convolutions over a window of tokens with ReLU, and the largest value of each channel."""

    def __init__(self, width: int, layers: int, window: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(width, width, window, padding=window // 2) for _ in range(layers))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        x, there = x.transpose(1, 2), there.transpose(1, 2)
        for layer in self.layers:
            x = torch.relu(layer(x)) * there  # nothing is less than 0, so that padding is never the largest
        return x.amax(dim=2)


class GRU(nn.Module):
    """A gated recurrent unit (Cho et al. 2014, as torch's `nn.GRU`); the state after the last token."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))
        self.states = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(layers))
        for linear in (*self.inputs, *self.states):
            for parameter in linear.parameters():
                nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        state = x[:, 0]
        for of_inputs, of_states in zip(self.inputs, self.states, strict=True):
            state = torch.zeros_like(x[:, 0])
            steps = []
            for gates, keep in zip(of_inputs(x).unbind(dim=1), there.unbind(dim=1), strict=True):
                reset, update, new = gates.chunk(3, dim=-1)
                old_reset, old_update, old_new = of_states(state).chunk(3, dim=-1)
                forget = torch.sigmoid(update + old_update)
                candidate = torch.tanh(new + torch.sigmoid(reset + old_reset) * old_new)
                state = torch.where(keep, candidate + forget * (state - candidate), state)
                steps.append(state)
            x = torch.stack(steps, dim=1)
        return state


class Transformer(nn.Module):
    """Layers of self-attention with normalisation before each part (Xiong et al. 2020); the mean over the tokens."""

    def __init__(self, width: int, layers: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TransformerLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        x = x + positions(x)
        for layer in self.layers:
            x = layer(x, there)
        return mean_of(self.norm(x), there)


class TransformerLayer(nn.Module):
    """Self-attention of several heads, and two layers of which the inner one is four times as wide."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.layers = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        x = x + self.dropout(self._attention(self.norm_attention(x), there))
        result: Tensor = x + self.dropout(self.layers(self.norm_layers(x)))
        return result

    def _attention(self, x: Tensor, there: Tensor) -> Tensor:
        split = self.queries_keys_values(x).unflatten(2, (3, self.heads, -1)).movedim(2, 0).transpose(2, 3)
        queries, keys, values = split.unbind(dim=0)  # [batch, head, position, width of a head] each
        scores = queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[-1])
        # The lowest number and not minus infinity: of a text without a token all weights would be nan.
        masked = scores.masked_fill(~there.transpose(1, 2).unsqueeze(1), torch.finfo(scores.dtype).min)
        result: Tensor = self.joined((torch.softmax(masked, dim=-1) @ values).transpose(1, 2).flatten(2))
        return result


def mean_of(x: Tensor, there: Tensor) -> Tensor:
    """The mean over the tokens that are there, `[batch, width]`; 0 where none is."""
    return (x * there).sum(dim=1) / there.sum(dim=1).clamp(min=1)


def positions(x: Tensor) -> Tensor:
    """Sines and cosines of the positions, `[position, width]` (Vaswani et al. 2017, section 3.5)."""
    length, width = x.shape[1:]
    rates = torch.exp(torch.arange(0, width, 2, device=x.device, dtype=x.dtype) * (-math.log(10_000) / width))
    angles = torch.arange(length, device=x.device, dtype=x.dtype).unsqueeze(1) * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]
