"""What surrounds a trial in its process: the device, and what torch and the C library keep for the whole process."""

import contextlib
import ctypes
import functools
from collections.abc import Iterator

import torch

from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation
from mtlray.models.dtype import default_dtype
from mtlray.specs import RunConfig

# Parameters of glibc's mallopt.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def device_of(config: RunConfig) -> torch.device:
    """Where trials run; "auto" is a GPU where torch finds one."""
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def computation_of(config: RunConfig) -> Computation:
    """Where and with which code trials are computed."""
    return Computation(device_of(config), config.kernel, config.activation_checkpointing)


def device_name(device: torch.device) -> str:
    """What is stored about a device with the results."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()


@contextlib.contextmanager
def surroundings(config: RunConfig) -> Iterator[None]:
    """What torch keeps for the whole process, as every trial finds it; put back afterwards.

    Float32 means float32: by default convolutions on GPUs since Ampere round their inputs to TF32, which has 10 bits.
    """
    threads, cudnn = torch.get_num_threads(), torch.backends.cudnn
    before = cudnn.benchmark, cudnn.allow_tf32, torch.get_float32_matmul_precision()
    if device_of(config).type == "cpu":
        torch.set_num_threads(1)  # two threads of one trial wait for each other; one trial a core does not
        keep_freed_memory()
    cudnn.benchmark, cudnn.allow_tf32 = False, False
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.enable_grad(), default_dtype(torch.float32):
            yield
    finally:
        torch.set_num_threads(threads)
        cudnn.benchmark, cudnn.allow_tf32 = before[:2]
        torch.set_float32_matmul_precision(before[2])


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks for the next step; returns whether there was a glibc to tell.

    Each step allocates and frees the same blocks of a few megabytes. By default glibc gives them back to the system and gets
    zeroed pages anew at the next step, which took a third of a LeNet trial's time. No number depends on it.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(_M_TRIM_THRESHOLD, 1 << 30))
