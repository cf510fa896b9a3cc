"""The site: built strictly from docs/, searchable, and asking no other host for anything."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from places import ROOT

MKDOCS = shutil.which("mkdocs") or shutil.which(str(ROOT / ".venv-docs" / "bin" / "mkdocs"))
STRUCTURE = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")


def test_every_path_in_the_structure_exists():
    paths = re.findall(r"`([\w./-]+/[\w./-]*)`", STRUCTURE)
    assert len(paths) >= 30
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_object_in_the_structure_is_in_the_file_beside_it():
    """`Name` (`path`): the file defines the name."""
    pairs = re.findall(r"`(\w+)`\s+\(`([\w/]+\.py)`\)", STRUCTURE)
    assert len(pairs) >= 10
    for name, path in pairs:
        assert re.search(rf"^(class|def) {name}\b", (ROOT / path).read_text(encoding="utf-8"), re.M), (
            f"{name} in {path}"
        )


def test_the_reference_names_every_public_object():
    homes = re.findall(
        r"^    from (mtlray[\w.]*) import (\w+) as ", (ROOT / "mtlray" / "__init__.py").read_text("utf-8"), re.M
    )
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.md"))
    shown = re.findall(r"^::: (\S+)$", pages, re.M)
    assert {f"{module}.{name}" for module, name in homes} <= set(shown)


@pytest.mark.slow
@pytest.mark.skipif(MKDOCS is None, reason="mkdocs is not installed; `make docs` installs it")
def test_the_site_builds_strictly_and_stays_on_its_host(tmp_path):
    built = subprocess.run(
        [MKDOCS, "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    index = json.loads((tmp_path / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert any("RevisedUncertainty" in page["title"] + page["text"] for page in index["docs"])
    assert list(_loaded_from_elsewhere(tmp_path)) == []


def _loaded_from_elsewhere(site: Path):
    for page in site.rglob("*.html"):
        for tag in re.findall(r"<(?:script|img|link|iframe)\b[^>]*>", page.read_text(encoding="utf-8")):
            if re.search(r"(?:src|href)=\"?(?:https?:)?//", tag) and 'rel="canonical"' not in tag:
                yield f"{page.name}: {tag}"
    for sheet in site.rglob("*.css"):
        for url in re.findall(r"(?:url\(|@import )[\"']?((?:https?:)?//[^)\"']+)", sheet.read_text(encoding="utf-8")):
            yield f"{sheet.name}: {url}"
