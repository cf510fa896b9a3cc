"""Our own kernel for small convolutions on a CPU: compiled at first use, not used where that is impossible."""

from mtlray.models.kernels.build import Kernel, KernelChoice, choose_kernel, fused_unavailable, kernel_name
from mtlray.models.kernels.conv_pool_relu import conv_pool_relu, fits

__all__ = ["Kernel", "KernelChoice", "choose_kernel", "conv_pool_relu", "fits", "fused_unavailable", "kernel_name"]
