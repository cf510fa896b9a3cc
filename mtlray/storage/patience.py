"""Patience: what a disk does not give is asked for again; then it is an error that says nothing about what is in the file."""

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from mtlray.errors import MtlrayError, StoreError

T = TypeVar("T")

# Seconds between two looks: a handle that went stale, or a server that starts again, is back by then or not at all.
PAUSES = (0.05, 0.25, 0.7)

_NETWORK = (
    "Check the network disk that it is on, and mount it again if need be; then run the same command again to continue."
)
_RIGHTS = (
    "Get the right to read it from its owner (chmod), or run as the user who wrote it; then run the same command again."
)
_FILES = "Raise the limit of open files (ulimit -n), then run the same command again to continue."
_DISK = "Check the disk that it is on (`dmesg` may say more), then run the same command again to continue."
_REMEDIES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), _RIGHTS),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _FILES),
    **dict.fromkeys(
        (
            errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETDOWN,
            errno.ENETUNREACH, errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED, errno.ESHUTDOWN,
        ),
        _NETWORK,
    ),
}  # fmt: skip


def patiently(where: str, read: Callable[[], T]) -> T:
    """What `read` gives; it is called up to four times within about a second while the disk does not give it.

    Raises FileNotFoundError and NotADirectoryError at once, what `read` raises that is no OSError too, and StoreError, with the
    remedy, where the disk does not come back; an error of mtlray's own stays what it is.
    """
    for pause in (*PAUSES, None):
        try:
            return read()
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError as error:
            if pause is not None:
                time.sleep(pause)
            elif isinstance(error, MtlrayError):
                raise
            else:
                remedy = _REMEDIES.get(error.errno or 0, _DISK)
                raise StoreError(
                    f"{where} should be readable. Found: {error.strerror or error}, {len(PAUSES) + 1} times within a second. "
                    f"It was left as it is, for this says nothing about what is in it. {remedy}"
                ) from error
    raise AssertionError("the last look returns or raises")
