"""Convolution, 2x2 max-pooling and ReLU as one layer, with two ways to compute it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtlray.models.kernels import Kernel, conv_pool_relu, fits


class ConvPoolReLU(nn.Conv2d):
    """`relu(max_pool2d(conv2d(x), 2))`; pooling first is the same function as ReLU first, on a quarter of the values.

    With `kernel` "fused", inputs that the compiled kernel takes go there; all others, and all with "torch", go through torch.
    Where the next layer flattens, `channels_last` is better False: the kernel then writes its result in the order of its axes.
    """

    kernel: Kernel = "torch"

    def __init__(self, n_in: int, n_out: int, size: int, *, channels_last: bool = True) -> None:
        super().__init__(n_in, n_out, size)
        self.channels_last = channels_last

    def forward(self, input: Tensor) -> Tensor:
        assert self.bias is not None
        if self.kernel == "fused" and fits(input, self.weight):
            return conv_pool_relu(input, self.weight, self.bias, channels_last=self.channels_last)
        return torch.relu(F.max_pool2d(super().forward(input), 2))
