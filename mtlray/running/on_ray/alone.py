"""A Ray of our own on this machine that nobody else can reach: loopback, a token of its own, a folder of its own."""

import contextlib
import importlib
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtlray.storage.private import write_private

_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@contextlib.contextmanager
def alone(address: str | None, folder: Path) -> Iterator[None]:
    """Where there is no `address` of a cluster, what a Ray that is started within the block, and its workers, go by.

    Its ports listen on loopback alone, and nobody is answered who does not know a token, made anew for each block and kept in
    `folder`, which should be this user's alone. A token that the user has is for clusters, and is not looked at here.
    """
    if address is not None:
        yield
        return
    try:
        token = folder / "token"
        write_private(token, secrets.token_hex(32))
        settings = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_AUTH_TOKEN": None,  # Ray would take it in place of the file
            _LOOPBACK: "0",  # Ray then takes loopback for this machine's address, on Linux too
        }
        with _environment(settings), _loopback():
            yield
    finally:
        _forget_settings()


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
