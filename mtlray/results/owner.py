"""Who works on a sweep: what a driver writes about itself in `driver.json`, and whether that process lives."""

import getpass
import json
import os
import platform
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mtlray.results.part import WHOLE, Part
from mtlray.storage.store import Store
from mtlray.storage.system_lock import is_locked

BEAT_SECONDS = 5.0
WATCH_SECONDS = 4 * BEAT_SECONDS  # a driver on another host that does not beat for so long is gone


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
        if not self.token:
            return "a process that has not yet said who it is"
        return f"process {self.pid} of {self.user} on {self.host}, since {self.since}"


def holder(store: Store, part: Part = WHOLE) -> Owner | None:
    """Who wrote a part's file last; None if there is no such file or it does not open. The holder may be dead.

    Raises StoreError where the disk or the store does not let it be read, which is no sign that nobody holds it.
    """
    try:
        data = store.read(part.file)
    except FileNotFoundError:
        return None
    try:
        values = json.loads(data)
        return Owner(**{**values, "running": tuple(values["running"])})
    except (ValueError, TypeError, KeyError):
        return None


def holders(store: Store) -> dict[Part, Owner]:
    """Who wrote the file of each part last. Raises StoreError."""
    return _holders(store, _parts(store))


def _holders(store: Store, parts: Sequence[Part]) -> dict[Part, Owner]:
    return {part: owner for part in parts if (owner := holder(store, part)) is not None}


def _parts(store: Store) -> list[Part]:
    """The parts that any file of a driver belongs to."""
    return sorted({part for name in store.names("") if (part := Part.named(name))})


def present(store: Store) -> dict[Part, Owner]:
    """The drivers that are at work now, each on its part, as far as can be told without waiting; changes nothing.

    Raises StoreError.
    """
    parts = _parts(store)
    owners = _holders(store, parts)
    if store.local is None:
        return {part: owner for part, owner in owners.items() if _seems_alive(owner)}
    found = {}
    for part in parts:
        if is_locked(store.local / part.lock_file):
            found[part] = owners.get(part) or Owner("", "", 0, "", "", "", "")
        elif part in owners and _seems_alive(owners[part]):
            found[part] = owners[part]
    return found


def running(drivers: Mapping[Part, Owner]) -> set[str]:
    """The ids of the trials that drivers are at work on."""
    return {trial_id for owner in drivers.values() for trial_id in owner.running}


def described(drivers: Mapping[Part, Owner]) -> list[str]:
    """A description of each driver, for a message: its part, unless that is the whole, and its process."""
    return [": ".join(filter(None, (part.words(), owner.words()))) for part, owner in drivers.items()]


def _seems_alive(owner: Owner) -> bool:
    alive = owner.is_alive()
    if alive is None:  # another host: its clock may differ from ours, and only `status` depends on this
        return abs(time.time() - owner.beat_at) < WATCH_SECONDS + 60
    return alive


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
