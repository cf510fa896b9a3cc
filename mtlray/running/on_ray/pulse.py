"""Pulse: whether the Ray that a launch runs on still lives. Ray itself waits for what is gone, and then ends the process."""

import contextlib
import socket
import threading
import time
from typing import Any

_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 30.0  # for a cluster, which may start its control process again; Ray's own is 60 s
_SILENT_LOOKS = 80  # of `lost`, twice a second: Ray did not answer in all this time
_STARTING_LOOKS = 240


class Pulse:
    """Watches Ray from a thread of its own, because a question to it may never be answered."""

    def __init__(self, *, own: bool) -> None:
        """`own` where this launch starts Ray on this machine: nobody would start a part of it again."""
        self._own = own
        self._beats = threading.Event()
        self._looks = 0
        self._reason = ""
        self._ended = threading.Event()
        self._gcs, self._node, self._raylet = "", "", ""
        self._refused_since: float | None = None
        self.begun = False
        """Whether Ray has started."""

    def begin(self, *, watch: bool) -> None:
        """Ray has started, and this process is connected to it. `watch` where that is not through a proxy of Ray's."""
        import ray

        if not watch:
            self._ended.set()
            self.begun = True
            return

        context: Any = ray.get_runtime_context()
        self._gcs, self._node = context.gcs_address, context.get_node_id()
        found = (node.get("RayletSocketName", "") for node in ray.nodes() if node["NodeID"] == self._node)
        self._raylet = next(found, "")
        self._looks, self.begun = 0, True
        threading.Thread(target=self._watch, name="mtlray-pulse", daemon=True).start()

    def end(self) -> None:
        """Ray is about to be shut down."""
        self._ended.set()

    @property
    def reason(self) -> str:
        """What was found last: why Ray is lost, or empty."""
        return self._reason

    def lost(self) -> str:
        """Why Ray is lost; empty while it lives, or may. To be called twice a second: silence is counted in calls.

        A process that was stopped for an hour has not waited for an hour.
        """
        if self._ended.is_set():
            return ""
        if self._beats.is_set():
            self._beats.clear()
            self._looks = 0
        self._looks += 1
        if not self.begun and self._looks > _STARTING_LOOKS:
            return f"Ray has not started in {_STARTING_LOOKS // 2} s"
        if self.begun and not self._reason and self._looks > _SILENT_LOOKS:
            return f"Ray's control process at {self._gcs} has not answered for {_SILENT_LOOKS // 2} s"
        return self._reason

    def look(self) -> str:
        """Why Ray is lost, found out now; empty while it lives. May wait for Ray."""
        if self.begun and not self._reason:
            self._reason = self._trouble_with_sockets() or self._trouble_with_node()
        return self._reason

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            if self.look():
                return
            self._beats.set()

    def _trouble_with_sockets(self) -> str:
        if self._raylet and _refuses(socket.AF_UNIX, self._raylet):
            return "Ray's process on this machine, its raylet, has ended"
        host, _, port = self._gcs.rpartition(":")
        if not port.isdigit() or not _refuses(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, int(port))):
            self._refused_since = None
            return ""
        self._refused_since = self._refused_since or time.monotonic()
        if self._own or time.monotonic() - self._refused_since > _PATIENCE_SECONDS:
            return f"Ray's control process at {self._gcs} has ended"
        return ""

    def _trouble_with_node(self) -> str:
        """Ray gives a node up whose raylet does not answer it, and never takes it back."""
        if self._refused_since is not None:
            return ""  # it could not answer
        import ray

        try:
            nodes = ray.nodes()
        except Exception:  # while it is shut down
            return ""
        alive = any(node["Alive"] for node in nodes if node["NodeID"] == self._node)
        return "" if alive else "Ray has given this machine up, because its raylet did not answer"


def _refuses(family: int, address: Any) -> bool:
    """Whether nobody listens there any more. Anything else that goes wrong may be this process's own trouble."""
    with socket.socket(family) as client:
        client.settimeout(5)
        try:
            client.connect(address)
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False


def kill_own_ray() -> None:
    """Kill the processes of the Ray that this process has started, without asking them; its workers end with them."""
    import ray

    node: Any = getattr(ray._private.worker, "_global_node", None)  # Ray has no public way to end what does not answer
    if node is not None:
        with contextlib.suppress(Exception):
            node.kill_all_processes(check_alive=False, allow_graceful=False)
