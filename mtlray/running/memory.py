"""How this process keeps memory between training steps."""

import ctypes
import functools

# Parameters of glibc's mallopt.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


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
