"""The documents say what is there: links, strategies, columns, and a quickstart as shipped."""

import ast
import os
import pkgutil
import re
from pathlib import Path

import pytest
from places import ROOT

from mtlray.results.ledger import RESULTS_VERSION, SUMMARY, curves_schema
from mtlray.specs.sweepfile import load_sweep
from mtlray.strategies import STRATEGIES

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
PRESENT = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]  # which may name what has gone
README = (ROOT / "README.md").read_text(encoding="utf-8")
SWEEPS = [
    block for block in re.findall(r"^```python\n(.*?)^```", README, re.M | re.S) if re.search(r"^SWEEP = ", block, re.M)
]


def headings(path: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"^#+ (.*)$", text, re.M)


def anchor(heading: str) -> str:
    """The anchor that a Markdown page gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), f"{target} leads nowhere"
        assert not fragment or fragment in map(anchor, headings(linked)), f"{target}: no such heading"


@pytest.mark.parametrize("path", PRESENT, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_files_named_are_there(path):
    named = re.findall(
        r"(?<![\w./~-])((?:analysis|benchmarks|docs|mtlray|sweeps|tests)/[\w./-]*\w)", path.read_text("utf-8")
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.key)
def test_every_strategy_has_a_section(strategy):
    assert any(f"`{strategy.key}`" in heading for heading in headings(ROOT / "docs" / "strategies.md"))


def test_the_readme_counts_the_strategies():
    """The count comes from the registry: run once with UPDATE_GOLDEN=1 after a strategy was added."""
    text = re.sub(r"\b\d+(?= strategies\b)", str(len(STRATEGIES)), README)
    if os.environ.get("UPDATE_GOLDEN"):
        (ROOT / "README.md").write_text(text, encoding="utf-8")
    stated = re.findall(r"\b(\d+) strategies\b", README if not os.environ.get("UPDATE_GOLDEN") else text)
    assert stated, "the README says how many strategies there are"
    assert set(map(int, stated)) == {len(STRATEGIES)}, "rewrite it with UPDATE_GOLDEN=1 pytest tests/test_docs.py"


def test_every_column_is_described():
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `([^`]+)` \|", text, re.M))
    columns = {*SUMMARY.names, *curves_schema([("{task}", ["{metric}"])]).names}
    assert columns <= described, f"not described: {sorted(columns - described)}"


def test_the_present_results_version_is_named():
    text = " ".join((ROOT / "docs" / "results.md").read_text(encoding="utf-8").split())
    assert f"`results_version` is an older number for everything. It stays {RESULTS_VERSION}." in text
    assert f"`results_version` {RESULTS_VERSION}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_layers_shown_are_those_enforced():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (layers,) = re.findall(r"^## Layers$.*?^```$\n(.*?)^```$", text, re.M | re.S)
    source = (ROOT / "tests" / "test_layers.py").read_text(encoding="utf-8")
    (enforced,) = re.findall(r"^ROWS = (\[.*?^\])", source, re.M | re.S)
    assert [line.split() for line in layers.splitlines()] == ast.literal_eval(enforced)[::-1]


def test_the_readme_shows_sweeps():
    assert len(SWEEPS) >= 2


def test_the_first_sweep_in_the_readme_is_the_quickstart(tmp_path):
    path = tmp_path / "example.py"
    path.write_text(SWEEPS[0], encoding="utf-8")
    shown, _ = load_sweep(path)
    shipped, _ = load_sweep(ROOT / "sweeps" / "quickstart.py")
    assert shown.describe(shown.trials()) == shipped.describe(shipped.trials())


def test_the_readme_names_the_test_command():
    assert re.search(r"^make test$", README, re.M)


def test_the_names_that_0_2_promises_are_there():
    """The right-hand columns of the page; a name is a module, or what a module holds."""
    text = (ROOT / "docs" / "from-0.1-to-0.2.md").read_text(encoding="utf-8")
    cells = [row.split("|")[2] for row in text.splitlines() if row.startswith("| `")]
    names = [name for cell in cells for name in re.findall(r"`(mtlray[\w.]+)`", cell)]
    assert len(names) >= 30
    for name in names:
        pkgutil.resolve_name(name)
