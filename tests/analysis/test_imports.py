"""analysis runs where torch and ray are not installed: every import of them is refused in a process of its own."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "torchjd", "ray", "jaxtyping"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", WITHOUT + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_the_refusal_works():
    assert "No module named 'torch'" in run("import torch").stderr


def test_every_module_imports():
    code = """
import importlib, pkgutil
import mtlray.analysis
for module in pkgutil.walk_packages(mtlray.analysis.__path__, "mtlray.analysis."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert not {"torch", "ray"} & set(sys.modules)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_every_kind_of_table(varied):
    code = """
from mtlray.analysis.app import app
from mtlray.analysis.tables import KINDS
for kind in KINDS:
    app(["table", sys.argv[1], "--kind", kind], standalone_mode=False)
assert not {"torch", "ray"} & set(sys.modules)
"""
    done = run(code, varied.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("varied: Which strategy leads?") == 6  # compare prints two


@pytest.mark.parametrize("kind", ["cells", "leaderboard", "compare", "cost"])
def test_a_table_does_not_wait_for_scipy_stats(varied, kind):
    """Its import takes about a second."""
    code = """
from mtlray.analysis.app import app
app(["table", sys.argv[1], "--kind", sys.argv[2]], standalone_mode=False)
print("scipy.stats" in sys.modules)
"""
    assert run(code, varied.folder, kind).stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("module", ["mtlray.analysis", "mtlray.analysis.app", "mtlray.cli"])
def test_the_command_line_does_not_wait_for_pandas(module):
    code = f"import {module}; print([m for m in ('pandas', 'numpy', 'pyarrow', 'matplotlib') if m in sys.modules])"
    assert run(code).stdout.strip() == "[]"
