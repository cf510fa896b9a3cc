"""A Ray of our own on this machine that nobody else can reach: loopback, a token of its own, a folder of its own."""

import contextlib
import importlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtlray.errors import LaunchError
from mtlray.storage.private import write_private

# Bytes of a folder in which Ray's sockets can still have names: the system takes 107 for the whole path.
_LONGEST_FOLDER = 24
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@contextlib.contextmanager
def alone(address: str | None) -> Iterator[None]:
    """Where there is no `address` of a cluster, what a Ray that is started within the block, and its workers, go by.

    Its ports listen on loopback alone, and nobody is answered who does not know a token, made anew for each block and readable by
    this user alone; so are its sockets and logs. A token that the user has is for clusters, and is not looked at here. Raises
    LaunchError where no folder can be made.
    """
    if address is not None:
        yield
        return
    folder = _folder()
    try:
        token = folder / "token"
        write_private(token, secrets.token_hex(32))
        settings = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_AUTH_TOKEN": None,  # Ray would take it in place of the file
            "RAY_TMPDIR": str(folder),  # Ray lets everybody into what it makes, but not through this folder
            _LOOPBACK: "0",  # Ray then takes loopback for this machine's address, on Linux too
        }
        with _environment(settings), _loopback():
            yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _forget_settings()


def _folder() -> Path:
    """A new folder for this user alone, by a name that nobody can foresee and short enough for Ray's sockets."""
    for place in (os.environ.get("RAY_TMPDIR"), tempfile.gettempdir(), "/tmp"):
        if place and len(os.fsencode(place)) <= _LONGEST_FOLDER:
            with contextlib.suppress(OSError):
                return Path(tempfile.mkdtemp(prefix="mtlray-ray-", dir=place))
    raise LaunchError(
        f"Ray needs a folder for its sockets whose path has at most {_LONGEST_FOLDER} characters. Found none that can be "
        "written. Set RAY_TMPDIR to one, or run without Ray with --in-process."
    )


@contextlib.contextmanager
def _environment(settings: Mapping[str, str | None]) -> Iterator[None]:
    """The environment with these variables, None for none, and afterwards as it was."""
    before = {name: os.environ.get(name) for name in settings}
    _set(settings)
    _forget_settings()
    try:
        yield
    finally:
        _set(before)


def _set(settings: Mapping[str, str | None]) -> None:
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _loopback() -> Iterator[None]:
    """The same as `_LOOPBACK` for a Ray that has been imported, which read that variable then."""
    constants: Any = importlib.import_module("ray._private.ray_constants")
    before = constants.ENABLE_RAY_CLUSTER
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before


def _forget_settings() -> None:
    """Let Ray read mode and token again, which it keeps once it has read them; it knows of tokens since 2.52."""
    raylet: Any = importlib.import_module("ray._raylet")
    if hasattr(raylet, "AuthenticationTokenLoader"):
        raylet.Config.initialize("")
        raylet.AuthenticationTokenLoader.instance().reset_cache()
