"""The wheel and the sdist of this repository, and an environment with the wheel alone beside what the tests' own holds."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

from places import ROOT

# Where the packages lie that the tests run with.
SITES = [Path(folder) for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")]


def build(folder: Path, target: str, source: Path = ROOT) -> Path:
    """Build `wheel`, `sdist`, or the `wheel:editable` of `pip install -e`, without a network; returns the file."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)], cwd=source, check=True
    )
    (made,) = folder.glob("*.tar.gz" if target == "sdist" else "*.whl")
    return made


def members(archive: Path) -> set[str]:
    """Names of the files in a wheel, or in an sdist, those without its first folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as opened:
            return set(opened.namelist())
    with tarfile.open(archive) as opened:
        return {name.partition("/")[2] for name in opened.getnames()}


@dataclass(frozen=True)
class Installed:
    """A virtual environment in which a user has installed the wheel, and an empty folder to work in."""

    prefix: Path
    folder: Path

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"

    def run(self, *command: object, path: str = "", seconds: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the folder, where nothing tells it of this repository."""
        environment = os.environ | {"PYTHONPATH": path, "MTLRAY_DATA": str(self.prefix / "data")}
        program = str(self.prefix / "bin" / str(command[0]))
        return subprocess.run(
            [program, *map(str, command[1:])],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def sees(self, *packages: Path) -> None:
        """Let the packages in these folders be imported besides the wheel; an editable install's paths there do not count."""
        site = Path(sysconfig.get_path("purelib", vars={"base": str(self.prefix)}))
        (site / "beside.pth").write_text("".join(f"{folder}\n" for folder in packages))


def install(wheel: Path, prefix: Path, folder: Path) -> Installed:
    """An environment with the wheel and, as if installed too, the packages that the tests run with."""
    venv.create(prefix, symlinks=True)
    made = Installed(prefix, folder)
    pip = [sys.executable, "-m", "pip", "--python", str(made.python), "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True, cwd=folder)
    made.sees(*SITES)
    return made
