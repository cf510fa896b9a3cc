"""`mtlray doctor`: what a sweep needs of this machine, each with the remedy where it is missing."""

import importlib.metadata
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mtlray.data.multi_mnist.digits import MNIST_FILES, mnist_folder


@dataclass(frozen=True, slots=True)
class Check:
    what: str
    ok: bool
    found: str
    remedy: str = ""


def diagnose(results: str, data: str) -> list[Check]:
    """Every check, in the order in which a sweep would stumble."""
    return [
        *(_package(name) for name in ("torch", "torchvision", "ray", "pyarrow", "pandas")),
        _torch_and_torchvision(),
        _device(),
        _kernel(),
        *([_writable("results", Path(results))] if "://" not in results else []),
        _writable("data", Path(data).expanduser()),
        _disk(Path(data).expanduser()),
        _mnist(Path(data).expanduser()),
    ]


def _package(name: str) -> Check:
    try:
        return Check(name, True, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, False, "not installed", f"pip install {name}")


def _torch_and_torchvision() -> Check:
    try:
        import torchvision

        return Check("torch and torchvision go together", True, torchvision.__version__)
    except (ImportError, RuntimeError, OSError) as error:
        return Check(
            "torch and torchvision go together", False, str(error), "install the pair named in constraints.txt"
        )


def _device() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check("device", True, f"{torch.cuda.device_count()} GPU ({torch.cuda.get_device_name(0)})")
    return Check("device", True, "CPU only")


def _kernel() -> Check:
    from mtlray.models.kernels import fused_unavailable

    reason = fused_unavailable()
    found = "compiled" if reason is None else f"not used; torch's convolutions are, at a third of the speed. {reason}"
    return Check("fused kernel", True, found)


def _nearest(folder: Path) -> Path:
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _writable(what: str, folder: Path) -> Check:
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            return Check(f"{what} folder", True, str(folder))
    except OSError as error:
        return Check(f"{what} folder", False, str(error), f"choose another with --{what}")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(_nearest(folder)).free / 1e9
    return Check("free disk", free > 1, f"{free:.1f} GB", "free at least 1 GB")


def _mnist(folder: Path) -> Check:
    here = all((mnist_folder(folder) / name).is_file() for name in MNIST_FILES)
    found = (
        "here" if here else "not here; the 5,000 digits of `mnist5k` need no download, for all of it: mtlray data list"
    )
    return Check("full MNIST", True, found)
