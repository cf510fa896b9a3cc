"""A module imports only from the rows below its own; read from the source, so that a lazy import counts too."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Rows from the bottom; modules of one row do not import each other. A package name stands for all its modules.
ROWS = [
    ["errors", "axes", "schema", "failpoints", "seal", "closed_pipe"],
    ["object_store"],
    ["store", "plugins"],
    ["shards", "generations", "attempts", "locking"],
    ["records", "policy", "codec", "provenance", "memory", "losses", "metrics", "randomness", "kernels"],
    ["tasks"],
    ["gradients", "scripts", "trackers"],
    ["strategies", "data", "models"],
    ["checkpoint", "specs"],
    ["estimates"],
    ["optimizers", "contract", "diagnostics", "evaluation", "meters", "sampling", "planning", "summary", "sweepfile"],
    ["training", "progress", "signals", "attempt_log", "resuming", "status", "why"],
    ["execution", "embedding", "plan_text", "testing"],
    ["session", "embedding_store", "shipping", "calibration"],
    ["in_process", "trainable", "tune_callbacks", "preflight", "doctor"],
    ["resources"],
    ["launching"],
    ["driver"],
    ["cli"],
]
LIGHT = {"errors", "schema", "failpoints", "seal", "store", "shards", "generations", "attempts", "locking", "records"}
LIGHT |= {"codec", "provenance", "plugins", "closed_pipe"}
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}
MODULES = sorted(
    path for path in (ROOT / "mtlray").rglob("*.py") if path.name != "__init__.py" or path.parent.name != "mtlray"
)


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module or "")
    return names


def unit(path: Path) -> str:
    """The module or package of mtlray that a file belongs to."""
    return path.relative_to(ROOT / "mtlray").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT / "mtlray")))
def test_a_module_imports_only_from_lower_rows(path):
    own = unit(path)
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "mtlray" and len(parts) > 1 and parts[1] != own:
            assert RANK[parts[1]] < RANK[own], f"{own} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT / "mtlray")))
def test_only_the_top_knows_ray_and_the_bottom_no_torch(path):
    packages = {name.split(".")[0] for name in imported(path)}
    if "ray" in packages:
        assert unit(path) in {"trainable", "tune_callbacks", "preflight", "resources", "launching"}
    if unit(path) in LIGHT:
        assert not packages & {"torch", "torchvision", "jaxtyping"}
    if "analysis" in packages:
        assert unit(path) in {"driver", "cli"}


@pytest.mark.parametrize("path", sorted((ROOT / "analysis").rglob("*.py")), ids=lambda p: p.name)
def test_analysis_knows_only_records_and_errors(path):
    names = imported(path)
    assert not {name.split(".")[0] for name in names} & {"torch", "torchvision", "ray", "jaxtyping"}
    assert {n for n in names if n.startswith("mtlray")} <= {
        "mtlray",
        "mtlray.results.ledger",
        "mtlray.errors",
        "mtlray.closed_pipe",
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "mtlray").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT / "mtlray"))
)
def test_no_file_is_longer_than_three_hundred_lines(path):
    assert len(path.read_text().splitlines()) <= 300
