"""The example notebook runs from top to bottom in a kernel, in an empty folder, and shows what it says."""

import os

import pytest
from places import ROOT

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = ROOT / "docs" / "first-study.ipynb"


@pytest.mark.filterwarnings("default")  # of what jupyter is made of, which is not ours
def test_the_example_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("MTLRAY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(
        notebook, timeout=250, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    said = "".join(output.get("text", "") for output in cells[2].outputs)
    assert "4 trials" in said
    assert "\x1b[" not in said, "plain text"
    shown = [output["data"]["text/plain"] for cell in cells for output in cell.outputs if "data" in output]
    assert "log_sum" in shown[0]
    assert "val/score" in shown[1]
    assert "SharedTrunk" in shown[2]
    assert all(not cell.outputs for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code")
