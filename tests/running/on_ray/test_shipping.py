"""The Python files beside a sweep file travel; nothing else does."""

import json
import types
from pathlib import Path

import pytest

import mtlray
import mtlray.running.on_ray.shipping as shipping
from mtlray.errors import LaunchError
from mtlray.running.on_ray.shipping import stage


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "sweeps"
    for name in ("mine.py", "beside.py", "package/__init__.py", "package/deep/part.py", "results/data.py", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    return types.SimpleNamespace(__file__=str(folder / "mine.py"))


def test_modules_and_packages_beside_the_sweep_file(module, tmp_path, unchecked):
    staged = stage([module], tmp_path / "staged")
    found = sorted(str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file())
    assert found == ["beside.py", "mine.py", "package/__init__.py", "package/deep/part.py"]
    assert (staged / "package" / "deep" / "part.py").read_text() == "# package/deep/part.py\n"


def test_mtlray_itself_travels_with_the_source_of_its_kernel(tmp_path, unchecked):
    source = Path(mtlray.__file__).parent
    staged = stage([types.SimpleNamespace(__file__=str(source.parent / "sweep.py"))], tmp_path / "staged")
    kernels = {path.name for path in (source / "models" / "kernels").iterdir() if path.suffix in {".cpp", ".h"}}
    assert {"conv_pool_relu.cpp", "lanes.h"} < kernels
    assert kernels <= {path.name for path in (staged / "mtlray" / "models" / "kernels").iterdir()}


def test_no_sweep_file_no_folder(tmp_path):
    assert stage([], tmp_path / "staged") is None


def test_a_submitted_job_has_its_folder_already(module, tmp_path, monkeypatch, unchecked):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"runtime_env": {"working_dir": "gcs://x.zip"}}))
    assert stage([module], tmp_path / "staged") is None
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps({"metadata": {}}))
    assert stage([module], tmp_path / "staged") is not None


def test_a_folder_that_is_too_large_is_named(module, tmp_path, monkeypatch, unchecked):
    monkeypatch.setattr(shipping, "_LARGEST", 20)
    with pytest.raises(LaunchError, match=r"Found more in .*sweeps\. Move the sweep file to a folder of its own"):
        stage([module], tmp_path / "staged")
