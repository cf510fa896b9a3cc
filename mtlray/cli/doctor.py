"""The command that checks what a sweep needs of this machine, and says how to fix what is missing."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import typer

from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, DataFolder, Results
from mtlray.cli.options import with_options
from mtlray.cli.places import place


@app.command()
@with_options
def doctor(*, results: Results = RESULTS, config: DataFolder) -> None:
    """Check this machine, and say how to fix what is wrong."""
    checks = diagnose(place("results", results), Path(config.data))
    for check in checks:
        print(f"{'ok ' if check.ok else 'FIX'}  {check.what}: {check.found}" + f" -> {check.remedy}" * (not check.ok))
    if not all(check.ok for check in checks):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a sweep needs: whether it is there, what was found, and the remedy."""

    what: str
    ok: bool
    found: str
    remedy: str = ""


def diagnose(results: str, data: Path) -> list[Check]:
    """Every check, in the order in which a sweep would stumble."""
    return [
        *(_package(name) for name in ("torch", "torchvision", "ray", "pyarrow", "pandas")),
        _torch_and_torchvision(),
        _device(),
        _cores(),
        _kernel(),
        _temporary(),
        *([_writable("results", Path(results))] if "://" not in results else []),
        _writable("data", data),
        _disk(data),
        _mnist(data),
    ]


def _package(name: str) -> Check:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(name, False, "not installed", f"pip install {name}")


def _torch_and_torchvision() -> Check:
    what = "torch and torchvision fit together"
    try:
        import torchvision

        return Check(what, True, torchvision.__version__)
    except (ImportError, RuntimeError, OSError) as error:
        return Check(what, False, str(error), "install the pair named in constraints.txt")


def _device() -> Check:
    import torch

    if torch.cuda.is_available():
        found = f"{torch.cuda.device_count()} GPU ({torch.cuda.get_device_name(0)})"
        if torch.cuda.get_device_capability(0) < (8, 0):
            found += ', older than Ampere: it computes precision="bf16" in slow steps of float32'
        return Check("device", True, found)
    return Check("device", True, "CPU only")


def _cores() -> Check:
    import os

    from mtlray.planning.cores import cores

    return Check("cores", True, f"{cores()} of the machine's {os.cpu_count()}")


def _temporary() -> Check:
    """Ray keeps sockets there, whose paths have to be short."""
    import os

    from mtlray.running.scratch import LONGEST_PLACE, places, short_place

    place, first = short_place(), os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR")
    if place is None:
        found = ", ".join(map(str, places())) or "none that can be written"
        remedy = f"set TMPDIR or RAY_TMPDIR to a folder of at most {LONGEST_PLACE} bytes, or use --in-process"
        return Check("temporary folder", False, found, remedy)
    if first and Path(first) != place:
        why = "too long for Ray's sockets" if Path(first).is_dir() else "no folder that can be written"
        return Check("temporary folder", True, f"{place}; {first} (TMPDIR or RAY_TMPDIR) is {why}")
    return Check("temporary folder", True, str(place))


def _kernel() -> Check:
    from mtlray.models.kernels import fused_unavailable

    reason = fused_unavailable()
    if reason is None:
        return Check("fused kernel", True, "compiled")
    return Check("fused kernel", True, f"not used; PyTorch's own convolutions are, at a third of the speed. {reason}")


def _nearest(folder: Path) -> Path:
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return folder


def _writable(what: str, folder: Path) -> Check:
    import tempfile

    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            return Check(f"{what} folder", True, str(folder))
    except OSError as error:
        return Check(f"{what} folder", False, str(error), f"choose another with --{what}")


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(_nearest(folder)).free / 1e9
    return Check("free disk", free > 1, f"{free:.1f} GB", "free at least 1 GB")


def _mnist(folder: Path) -> Check:
    from mtlray.data.multi_mnist.official import MNIST

    here = MNIST.are_here(folder)
    missing = (
        "not here; the 5,000 digits of `mnist5k` need no download, and `mtlray data list` says where to get all of it"
    )
    return Check("full MNIST", True, "here" if here else missing)
