"""The compiled kernel: where it lies, how it is made, and why it is not there.

The C++ source has a plain C interface, so that it compiles in seconds with neither torch's nor Python's headers, and one
library serves every version of torch. It is built for the processor it runs on and kept under the cache folder, by a name
that tells source, compiler and processor apart, so that a home folder shared by unequal nodes is safe. What is loaded runs with
the user's rights, so the folder has to be the user's own, and nobody else may write there.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Literal

from mtlray.errors import SpecError
from mtlray.storage.beside import new_file, remove_leftovers
from mtlray.storage.private import not_private
from mtlray.storage.system_lock import alone

Kernel = Literal["fused", "torch"]
KernelChoice = Literal["auto", "fused", "torch"]

# Raised by a change that makes the compiled kernel round otherwise: a circumstance of a trial, as the choice of the kernel is.
VERSION = 1

_SOURCE = Path(__file__).with_name("conv_pool_relu.cpp")
_HEADERS = sorted(Path(__file__).parent.glob("*.h"))
_FLAGS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-ffp-contract=fast")
_SECONDS = 300.0


class BuildError(Exception):
    """Why there is no compiled kernel on this machine."""


def choose_kernel(asked: KernelChoice) -> Kernel:
    """The kernel for convolutions on this machine's CPU; `auto` takes the compiled one where there is one. Raises SpecError if
    `fused` is requested but not available.
    """
    if asked == "torch":
        return "torch"
    reason = fused_unavailable()
    if reason is None:
        return "fused"
    if asked == "fused":
        raise SpecError(f"Kernel `fused` should be usable on this machine. {reason} Choose kernel `auto` or `torch`.")
    return "torch"


def kernel_name(kernel: Kernel) -> str:
    """How a result names the kernel that computed it, with the version of the compiled one from the second on."""
    return f"{kernel} (version {VERSION})" if kernel == "fused" and VERSION > 1 else kernel


def fused_unavailable() -> str | None:
    """Why the compiled kernel cannot be used here, in a sentence with its remedy; None if it can."""
    try:
        library()
    except BuildError as error:
        return str(error)
    return None


def library() -> ctypes.CDLL:
    """The compiled kernel, made if it is not there yet. Raises BuildError, the same one each time."""
    found = _library()
    if isinstance(found, BuildError):
        raise found
    return found


@functools.cache
def _library() -> ctypes.CDLL | BuildError:
    try:
        compiler = _compiler()
        path = _folder() / f"conv_pool_relu-{_identity(compiler)}.so"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _require_private(path.parent)
        if not os.path.lexists(path):
            with alone(path.with_suffix(".lock"), _SECONDS) as locked:
                if not os.path.lexists(path):
                    if locked:
                        remove_leftovers(path)
                    _compile(compiler, path)
        _require_private(path)
        if not stat.S_ISREG(path.lstat().st_mode):
            raise BuildError(
                f"The compiled kernel {path} should be a plain file. Found something else there. Remove it."
            )
        return ctypes.CDLL(str(path))
    except BuildError as error:
        return error
    except (OSError, subprocess.SubprocessError) as error:
        return BuildError(f"The kernel could not be compiled or loaded: {error}.")


def _folder() -> Path:
    """Absolute: a library by a bare name would be looked for where the system keeps its own."""
    named = os.environ.get("MTLRAY_KERNELS")
    try:
        return (Path(named) if named else Path("~/.cache/mtlray/kernels").expanduser()).absolute()
    except RuntimeError as error:
        raise BuildError(
            "The fused kernel is kept in the home folder, and there is none. Set HOME, or MTLRAY_KERNELS to a folder."
        ) from error


def _require_private(path: Path) -> None:
    """Raise BuildError where somebody else could put code of their own there."""
    if (trouble := not_private(path)) is not None:
        raise BuildError(
            f"Compiled kernels should lie where nobody else can write. {trouble} MTLRAY_KERNELS names another folder."
        )


def _compiler() -> str:
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        found = shutil.which(name) if name else None
        if found:
            return found
    raise BuildError(
        "No C++ compiler was found for the fused kernel. Install g++ or clang++, or set the variable CXX to one."
    )


def _identity(compiler: str) -> str:
    """16 hex digits for what the library's bits depend on."""
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=30, check=True).stdout
    digest = hashlib.sha256()
    sources = [path.read_bytes() for path in (_SOURCE, *_HEADERS)]
    for part in (*sources, version, " ".join(_FLAGS).encode(), _processor().encode()):
        digest.update(part)
    return digest.hexdigest()[:16]


def _processor() -> str:
    """The processor's instruction sets, or what comes nearest; never empty."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return line
    except OSError:
        pass
    return f"{platform.machine()} {platform.processor()} {platform.node()}"


def _compile(compiler: str, path: Path) -> None:
    """Compile to `path`, where no process ever sees half a library. Raises BuildError."""
    with new_file(path, durable=False) as temporary:
        command = [compiler, *_FLAGS, "-march=native", "-o", str(temporary), str(_SOURCE)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
        if result.returncode != 0:
            lines = [line for line in result.stderr.splitlines() if "error" in line] or ["no message"]
            raise BuildError(f"`{' '.join(command[:-3])}` failed on the fused kernel: {lines[0].strip()}.")
        temporary.chmod(0o700)  # whatever the umask
