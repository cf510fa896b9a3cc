"""Every block of Python in the documents runs: those of one page in order, in one namespace, on stand-ins for the results."""

import contextlib
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from doctest import DocTestParser, DocTestRunner, OutputChecker
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
from places import ASSETS, ROOT

from mtlray.specs.sweepfile import load_sweep

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOT_PYTHON = {"", "bibtex", "console", "csv", "dockerfile", "sh", "toml"}


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is the number of the line of its opening fence."""

    path: Path
    line: int
    language: str
    code: str

    @property
    def is_python(self) -> bool:
        return self.language == "python" or self.is_session

    @property
    def is_session(self) -> bool:
        return self.code.lstrip().startswith(">>> ")

    @property
    def binds_a_sweep(self) -> bool:
        return re.search(r"^SWEEP = ", self.code, re.M) is not None


def blocks(path: Path) -> list[Block]:
    """All fenced blocks of a page, indented ones too; an opening fence that is not closed fails."""
    found: list[Block] = []
    opened: tuple[int, str, str, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fence = re.match(r"( *)(`{3,}|~{3,})(.*)$", line)
        if opened is None:
            if fence:
                opened, inside = (number, fence[1], fence[2], fence[3].strip()), []
        elif line.strip() == opened[2]:
            code = "".join(f"{text.removeprefix(opened[1])}\n" for text in inside)
            found.append(Block(path, opened[0], opened[3], code))
            opened = None
        else:
            inside.append(line)
    assert opened is None, f"{path}:{opened}: the fence is not closed"
    return found


BLOCKS = {path: blocks(path) for path in PAGES}
PYTHON = {path: python for path, found in BLOCKS.items() if (python := [block for block in found if block.is_python])}
SWEEPS = [block for python in PYTHON.values() for block in python if block.binds_a_sweep]


def name(thing: Path | Block) -> str:
    if isinstance(thing, Block):
        return f"{thing.path.relative_to(ROOT)}:{thing.line}"
    return str(thing.relative_to(ROOT))


class WithoutTrailingSpaces(OutputChecker):
    """pandas fills its lines with spaces that no editor keeps."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(trimmed(want), trimmed(got), optionflags)


def trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def run(block: Block, page: ModuleType) -> None:
    """Run a block in the namespace of its page. Raises what it raises, and AssertionError for another output."""
    if not block.is_session:
        exec(compile("\n" * block.line + block.code, name(block.path), "exec"), vars(page))
        return
    session = DocTestParser().get_doctest(block.code, vars(page), name(block), name(block.path), block.line)
    said = io.StringIO()
    result = DocTestRunner(WithoutTrailingSpaces(), verbose=False).run(session, out=said.write, clear_globs=False)
    vars(page).update(session.globs)
    assert result.attempted == block.code.count(">>> ")
    assert not result.failed, said.getvalue()


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader would be: with results of Table 1 and of the quickstart, and the shipped sweeps to import."""
    results = tmp_path / "results"
    results.mkdir()
    (results / "gong2019_table1").symlink_to(ROOT / "tests" / "examples" / "gong2019_table1")
    stored = ASSETS / "results_version_5" / "version_5"
    (curves,) = (stored / "curves").iterdir()
    quickstart, _ = load_sweep(ROOT / "sweeps" / "quickstart.py")
    (results / "quickstart" / "curves").mkdir(parents=True)
    (results / "quickstart" / "curves" / quickstart.base.dataset.label).symlink_to(curves)
    (results / "quickstart" / "summary").mkdir()
    summary = pd.read_parquet(stored / "summary")
    summary["at_joint_val"] = summary["at_best_val"]  # which these results are too old to have
    summary.to_parquet(results / "quickstart" / "summary" / "compact.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MTLRAY_DATA", str(tmp_path / "data"))
    monkeypatch.syspath_prepend(ROOT / "sweeps")
    monkeypatch.setitem(sys.modules, "analysis", None)  # a folder of this repository, which an installation lacks
    return tmp_path


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The namespace of a page: a module, which the classes of its blocks name as theirs."""
    module = ModuleType("a_page_of_the_documents")
    before = set(sys.modules)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    yield module
    for sweep in {path.stem for path in (ROOT / "sweeps").glob("*.py")} - before:
        sys.modules.pop(sweep, None)


@pytest.mark.parametrize("path", PYTHON, ids=name)
@pytest.mark.usefixtures("working_folder")
def test_the_blocks_of_a_page_run(path, page):
    for block in PYTHON[path]:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            run(block, page)
        assert ("print(" in block.code and not block.is_session) == bool(printed.getvalue()), name(block)


@pytest.mark.parametrize("block", SWEEPS, ids=name)
def test_the_sweeps_load(block, working_folder, page):
    """As files, so that the code of their own classes enters the trials' ids."""
    for before in PYTHON[block.path]:
        if before.line < block.line and not before.binds_a_sweep:
            run(before, page)  # which may write what the sweep reads
    path = working_folder / "example.py"
    path.write_text(block.code, encoding="utf-8")
    sweep, _ = load_sweep(path)
    assert len({trial.trial_id for trial in sweep.trials()}) > 1


@pytest.mark.usefixtures("working_folder")
def test_the_epochs_of_the_page_of_the_paper(page):
    """The numbers of the sentence before the block."""
    (block,) = PYTHON[ROOT / "docs" / "paper.md"]
    run(block, page)
    trials = page.SWEEP.trials()
    lengths = {trial.fraction: (trial.steps, trial.n_evaluations) for trial in trials}
    assert lengths == {1.0: (93_800, 200), 0.25: (94_400, 800), 0.1: (94_000, 2000)}
    text = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    for numbers in lengths.values():
        for number in numbers:
            assert f"{number:,}" in text


def test_no_block_of_python_is_left_out():
    """A block that this file would not run is one of another language, which it knows by name."""
    others = {block.language: name(block) for found in BLOCKS.values() for block in found if not block.is_python}
    assert set(others) <= NOT_PYTHON, others
    n_fences = sum(
        len(re.findall(r"^\s*[`~]{3,}\W*py", path.read_text(encoding="utf-8"), re.M | re.I)) for path in PAGES
    )
    assert n_fences == sum(map(len, PYTHON.values()))
    assert n_fences >= 10


def test_a_block_that_is_wrong_is_found(tmp_path, page):
    path = tmp_path / "page.md"
    path.write_text(
        "- a list\n\n  ```python\n  x = 1\n  ```\n\n```python\n>>> x + 1\n3\n```\n\n```python\n...; y\n```\n"
    )
    right, other_output, undefined = (
        Block(ROOT / "page.md", b.line, b.language, b.code) for b in blocks(path) if b.is_python
    )
    run(right, page)
    with pytest.raises(AssertionError, match=r"Expected:\s+3\s+Got:\s+2"):
        run(other_output, page)
    with pytest.raises(NameError, match="'y'"):
        run(undefined, page)
