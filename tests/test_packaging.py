"""What is installed: one import name, what belongs to it, and a way from an empty folder to a table."""

import ast
import functools
import importlib.metadata
import re
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from built import SITES, Installed, build, install, members
from places import ROOT, SMALL

import mtlray

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Everything in the package, by the names it is imported with; rglob does not follow links.
LINKS = [path for path in sorted((ROOT / "mtlray").rglob("*")) if path.is_symlink()]
FILES = {
    file.relative_to(ROOT).as_posix()
    for folder in (ROOT / "mtlray", *LINKS)
    for file in folder.rglob("*")
    if file.is_file() and "__pycache__" not in file.parts
}
CLUSTER = {name for name in FILES if name.startswith("mtlray/shipped/sweeps/cluster/")}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture
def installed(wheel, tmp_path) -> Installed:
    (tmp_path / "work").mkdir()
    return install(wheel, tmp_path / "environment", tmp_path / "work")


def test_the_wheel_is_the_package_and_claims_no_other_name(wheel):
    notes = {name for name in members(wheel) if ".dist-info/" in name}
    assert members(wheel) - notes == FILES - CLUSTER
    assert {"mtlray/analysis/report/page.css", "mtlray/analysis/report/page.js", "mtlray/results/ledger.py"} <= FILES


def test_the_sdist_has_each_folder_where_the_package_looks_for_it(sdist):
    found = members(sdist)
    assert found >= FILES
    assert not {name for name in found if name.startswith(("analysis/", "editable/"))}
    assert {"sweeps/quickstart.py", "tests/test_packaging.py", "Makefile"} <= found


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_repository(wheel, sdist, tmp_path):
    with tarfile.open(sdist) as opened:
        opened.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    assert members(build(tmp_path / "again", "wheel", source=unpacked)) == members(wheel)


def test_an_editable_install_puts_nothing_but_mtlray_on_the_path(tmp_path):
    with zipfile.ZipFile(build(tmp_path, "wheel:editable")) as opened:
        (paths,) = (name for name in opened.namelist() if ".dist-info/" not in name)
        (folder,) = opened.read(paths).decode().splitlines()
    (link,) = Path(folder).iterdir()
    assert paths.endswith(".pth")
    assert link.name == "mtlray"
    assert link.resolve() == ROOT / "mtlray"


def test_the_version_is_stated_once_more_and_the_same():
    assert PYPROJECT["project"]["version"] == mtlray.__version__
    assert f"version: {mtlray.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## [{mtlray.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def requirements(*extras: str) -> set[str]:
    """Names of what pyproject.toml asks for, in lower case, of the package itself and of extras."""
    project = PYPROJECT["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in lines}


def imported_by(*folders: Path) -> dict[str, str]:
    """Top-level names that the files below folders import, or ask `need` or `resources.files` for, and one file of each."""
    found = {}
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            elif isinstance(node, ast.Call) and re.search(r"\b(need|resources\.files)$", ast.unparse(node.func)):
                names = [arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)]
            found |= {name.partition(".")[0]: str(file) for name in names}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names}


installed_packages = functools.cache(importlib.metadata.packages_distributions)  # which reads thousands of files


def distributions(module: str) -> set[str]:
    return {name.lower().replace("_", "-") for name in installed_packages().get(module, [module])}


# What `mtlray export` names with the line that installs it, when someone asks for it.
TRACKERS = {"wandb", "mlflow"}


def undeclared(imports: dict[str, str], declared: set[str]) -> dict[str, str]:
    """Modules of no declared package, with a file that imports each."""
    return {module: file for module, file in imports.items() if not distributions(module) & declared}


def test_all_that_the_package_imports_is_declared():
    imports = imported_by(ROOT / "mtlray", ROOT / "analysis")
    assert undeclared(imports, requirements("nyuv2") | TRACKERS | {"mtlray"}) == {}


def test_all_that_is_declared_is_imported():
    used = {name for module in imported_by(ROOT / "mtlray", ROOT / "analysis") for name in distributions(module)}
    assert requirements("nyuv2") <= used


def test_all_that_the_tests_import_is_declared():
    """But modules that tests write, or miss on purpose."""
    own = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"mtlray", "focal_package", "no_such_module"}
    imports = {module: file for module, file in imported_by(ROOT / "tests").items() if module not in own}
    assert undeclared(imports, requirements("nyuv2", "dev") | TRACKERS) == {}


def test_analysis_is_no_name_of_ours(installed):
    ended = installed.run("python", "-c", "import analysis")
    assert "No module named 'analysis'" in ended.stderr
    assert installed.run("python", "-c", "import mtlray.analysis as a; print(a.__file__)").stdout.startswith(
        str(installed.prefix)
    )


def test_a_users_own_analysis_is_the_one_that_a_sweep_imports(installed):
    (installed.folder / "analysis.py").write_text("SEEDS = (0,)\n")
    text = SMALL.read_text().replace("seeds=range(2)", "seeds=analysis.SEEDS")
    (installed.folder / "mine.py").write_text(
        text.replace("from mtlray import", "import analysis\nfrom mtlray import", 1)
    )
    options = ("--in-process", "--yes", "--data", "D", "--results", "R", "--strategies", "dwa", "--steps", "50")
    ended = installed.run("mtlray", "run", "mine.py", *options)
    assert ended.returncode == 0, ended.stderr
    for command in (("mtlray", "table", "R/small"), ("python", "-m", "mtlray.analysis", "table", "R/small")):
        ended = installed.run(*command, path=".")
        assert ended.returncode == 0, ended.stderr
        assert "\ndwa " in ended.stdout


def test_tables_need_neither_torch_nor_ray(installed, tmp_path):
    """They are not there at all: every other package is."""
    (tmp_path / "packages").mkdir()
    for entry in (entry for site in SITES for entry in site.iterdir()):
        if (
            not re.match(r"torch|functorch|ray\b|nvidia|triton", entry.name)
            and not (link := tmp_path / "packages" / entry.name).exists()
        ):
            link.symlink_to(entry)
    installed.sees(tmp_path / "packages")
    assert installed.run("python", "-c", "import torch").returncode == 1
    assert installed.run("python", "-c", "import ray").returncode == 1
    ended = installed.run(
        "python",
        "-m",
        "mtlray.analysis",
        "table",
        ROOT / "tests/assets/results_version_5/version_5",
        "--select",
        "last",
    )
    assert ended.returncode == 0, ended.stderr
    assert "±" in ended.stdout


@pytest.mark.slow
@pytest.mark.ray
def test_from_an_empty_folder_to_a_table(installed):
    assert installed.run("mtlray", "new", "study").returncode == 0
    ended = installed.run("mtlray", "run", "study.py", "--yes", "--seeds", "0", "--steps", "100")
    assert ended.returncode == 0, ended.stderr
    assert "\nrevised_uncertainty " in ended.stdout
    assert sorted(path.name for path in installed.folder.iterdir()) == ["results", "study.py"]
