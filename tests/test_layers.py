"""A folder of mtlray imports only from the rows below its own; read from the source, so that a lazy import counts too."""

import ast
from pathlib import Path

import pytest
from places import ROOT

# From the ground up. Folders of one row do not import each other.
ROWS = [
    ["words"],
    ["errors", "axes", "randomness", "closed_pipe"],
    ["checks", "own_settings", "reading", "storage"],
    ["identity", "tasks", "launch_scripts"],
    ["results", "data", "models", "strategies"],
    ["specs", "trackers", "analysis", "toy"],
    ["planning", "training"],
    ["running", "testing"],
    ["running/on_ray"],
    ["sweep"],
    ["launch"],
    ["calls"],
    ["cli"],
]
NO_TORCH = {
    "words",
    "errors",
    "closed_pipe",
    "checks",
    "own_settings",
    "reading",
    "storage",
    "identity",
    "results",
    "launch_scripts",
    "analysis",
}
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}
PACKAGE = ROOT / "mtlray"
# Not rglob, which does not follow the link to the folder analysis.
FILES = sorted([*PACKAGE.rglob("*.py"), *(PACKAGE / "analysis").rglob("*.py")])
FILES = [path for path in dict.fromkeys(FILES) if path.parent != PACKAGE or not path.name.startswith("__")]


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imported(path: Path) -> set[str]:
    """Full names of what a file imports, anywhere in it; `from a import b` is a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def row(parts: list[str]) -> str:
    """The folder or file of a row that a module, given by the parts of its name below mtlray, belongs to."""
    return "/".join(parts[:2]) if "/".join(parts[:2]) in RANK else parts[0]


def own(path: Path) -> str:
    return row(named(path).removesuffix(".py").split("/"))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_folder_imports_only_from_the_rows_below(path):
    for name in imported(path):
        package, *parts = name.split(".")
        if package == "mtlray" and parts and parts[0] in RANK and row(parts) != own(path):
            assert RANK[row(parts)] < RANK[own(path)], f"{named(path)} imports {name}"


def test_no_two_modules_import_each_other():
    """At the top of their files: that would fail, or depend on which is imported first."""
    modules = {
        "mtlray." + named(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in FILES
    }
    edges = {name: set[str]() for name in modules}
    for name, path in modules.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ImportFrom):
                inner = {f"{node.module}.{alias.name}" for alias in node.names} & modules.keys()
                edges[name] |= inner or {node.module} & modules.keys()
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name not in done:
            for below in edges[name]:
                visit(below, (*above, name))
            done.add(name)

    for name in modules:
        visit(name, ())


@pytest.mark.parametrize("path", FILES, ids=named)
def test_only_on_ray_knows_ray_and_the_ground_floor_no_torch(path):
    packages = {name.split(".")[0] for name in imported(path)}
    if "ray" in packages:
        assert own(path) == "running/on_ray"
    if own(path) in NO_TORCH:
        assert not packages & {"torch", "torchvision", "jaxtyping"}


@pytest.mark.parametrize("path", [path for path in FILES if own(path) == "analysis"], ids=named)
def test_analysis_knows_results_and_errors_alone(path):
    known = ("mtlray.analysis", "mtlray.results", "mtlray.errors", "mtlray.closed_pipe", "mtlray.own_settings")
    known += ("mtlray.words",)
    for name in imported(path):
        assert not name.startswith("mtlray") or name.startswith(known), name


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_file_is_longer_than_three_hundred_lines(path):
    assert len(path.read_text().splitlines()) <= 300


def test_folders_stay_small():
    assert len(list(PACKAGE.glob("*.py"))) <= 12
    for folder in {path.parent for path in FILES}:
        if folder != PACKAGE / "strategies":
            assert len(list(folder.glob("*.py"))) <= 20, folder


def functions() -> list[tuple[str, ast.FunctionDef]]:
    trees = [(named(path), ast.parse(path.read_text())) for path in FILES]
    return [(where, node) for where, tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_no_function_is_longer_than_sixty_lines():
    found = [f"{where}:{f.name}" for where, f in functions() if (f.end_lineno or 0) - f.lineno >= 60]
    assert found == []


def test_no_function_takes_more_than_eight_parameters():
    """But on the command line, where each is an option."""
    many = [
        f"{where}:{f.name}"
        for where, f in functions()
        if len(f.args.posonlyargs + f.args.args + f.args.kwonlyargs)
        - (f.args.args[:1] != [] and f.args.args[0].arg == "self")
        > 8
    ]
    assert [name for name in many if not name.startswith(("cli/", "analysis/app.py"))] == []
