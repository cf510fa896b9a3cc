"""Shipping: trials go to workers with the user's modules as they were read here; what lies beside a sweep file is copied too."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from mtlray.errors import LaunchError
from mtlray.identity.user_code.sources import install, own_sources

_LARGEST = 20_000_000  # bytes; Ray refuses more than 100 MiB, and Python files are small
_SOURCES = {".py", ".cpp", ".h"}  # the latter two for mtlray's own kernel, where mtlray itself lies beside a sweep file
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


class Shipment:
    """Something made of the user's classes that is sent to a worker, with the user's modules as they were read here.

    The worker imports these, whatever its disk holds: what they do while they are imported is done there too, once, as on the
    driver. It stays packed until it is opened, because Tune unpacks and packs what it is given.
    """

    def __init__(self, content: Any) -> None:
        import ray

        self._content = content
        self._packed = own_sources(), ray.cloudpickle.dumps(content)

    def open(self) -> Any:
        """What was put in."""
        import ray

        sources, packed = self._packed
        if self._content is None:
            install(sources)
            self._content = ray.cloudpickle.loads(packed)
        return self._content

    def __getstate__(self) -> dict[str, Any]:
        return {"_content": None, "_packed": self._packed}


def stage(modules: Iterable[ModuleType], to: Path) -> Path | None:
    """Copy the Python files beside sweep files, and packages there, to a folder for Ray's `working_dir`.

    None where there are none, and within a job that was submitted with a folder of its own. Raises LaunchError where they are
    too large to be code.
    """
    if "working_dir" in json.loads(os.environ.get(_JOB) or "{}").get("runtime_env", {}):
        return None
    size = 0
    for folder in sorted({Path(module.__file__).resolve().parent for module in modules if module.__file__}):
        packages = [path.parent for path in folder.glob("*/__init__.py")]
        inside = (file for package in packages for file in package.rglob("*") if file.suffix in _SOURCES)
        files = [*folder.glob("*.py"), *inside]
        for file in files:
            size += file.stat().st_size
            if size > _LARGEST:
                raise LaunchError(
                    f"The Python files beside a sweep file are copied to the cluster's nodes and should be at most "
                    f"{_LARGEST // 1_000_000} MB. Found more in {folder}. Move the sweep file to a folder of its own."
                )
            target = to / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return to if size else None
