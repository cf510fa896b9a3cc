"""Who works on a sweep: what its driver writes about itself in `driver.json`, and whether that process lives."""

import fcntl
import getpass
import json
import os
import platform
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from mtlray.storage.store import Store

BEAT_SECONDS = 5.0
WATCH_SECONDS = 4 * BEAT_SECONDS  # a driver on another host that does not beat for so long is gone
FILE = "driver.json"


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that works on a sweep. `token` is its alone; `beat` counts up while it lives."""

    token: str
    host: str
    pid: int
    process_start: str
    boot: str
    user: str
    since: str
    beat: int = 0
    beat_at: float = 0.0
    """Unix time of the beat, for messages only."""
    running: tuple[str, ...] = field(default=())
    """Ids of the trials that run now."""

    @classmethod
    def me(cls) -> "Owner":
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # a container without a name for its user
            user = str(os.getuid())
        return cls(
            uuid.uuid4().hex, platform.node(), os.getpid(), _process_start(os.getpid()), _boot(), user,
            time.strftime("%Y-%m-%d %H:%M:%S%z"),
        )  # fmt: skip

    def is_alive(self) -> bool | None:
        """Whether the process lives; None where that cannot be told from here: another host or container, an earlier boot."""
        if (self.host, self.boot) != (platform.node(), _boot()):
            return None
        return self.process_start == _process_start(self.pid) and bool(self.process_start)

    def words(self) -> str:
        """A description of the process, for a message."""
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"


def holder(store: Store) -> Owner | None:
    """Who wrote `driver.json` last; None if there is no such file or it does not open. The holder may be dead."""
    try:
        values = json.loads(store.read(FILE))
        return Owner(**{**values, "running": tuple(values["running"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def present(store: Store) -> Owner | None:
    """The driver that is at work now, as far as can be told without waiting; changes nothing."""
    owner = holder(store)
    path = lock_path(store)
    if path is not None and path.exists():
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return owner or Owner("", "", 0, "", "", "", "")
    if owner is None:
        return None
    alive = owner.is_alive()
    if alive is None:  # another host: its clock may differ from ours, and only `status` depends on this
        alive = abs(time.time() - owner.beat_at) < WATCH_SECONDS + 60
    return owner if alive else None


def lock_path(store: Store) -> Path | None:
    """The file that the system's lock is on; None on an object store."""
    return store.local / "driver.lock" if store.local is not None else None


def _boot() -> str:
    """This start of the machine, and the namespace in which process numbers hold."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115
    except OSError:
        return "/"


def _process_start(pid: int) -> str:
    """When a process started, in the kernel's ticks; empty where there is no such process, or a dead one not yet buried."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    except OSError:
        pass
    if Path("/proc/self").exists():
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "unknown"
