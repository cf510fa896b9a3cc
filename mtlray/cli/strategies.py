"""The command that lists strategies."""

import json as json_
import shutil
import textwrap
from collections.abc import Sequence
from typing import Annotated

import typer

from mtlray.cli.app import app

_KINDS = ("baseline", "loss-based", "gradient-based", "wrapper")
_HEAD = ("key", "class", "backwards", "memory", "fidelity")
_LEGEND = (
    "backwards: backward passes through the trunk in each step. memory: numbers kept in addition to plain training, up to a "
    "constant factor. K tasks, P parameters of the trunk, Z numbers that the trunk passes to the heads.",
    "faithful: follows the source's equation. reading: the source is silent on something that changes numbers, or its paper and "
    "code differ. reconstruction: the equation was not available. docs/strategies.md says more about each.",
)
_NARROWEST = 24  # a source column below that goes under the line


@app.command()
def strategies(json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False) -> None:
    """List every strategy: key, class, kind, cost in backward passes, extra memory, source."""
    from mtlray.errors import SpecError
    from mtlray.strategies import STRATEGIES, WRAPPERS, AbstractStrategy
    from mtlray.strategies.installed import OFFERED

    trouble: SpecError | None = None
    packages: dict[type[AbstractStrategy], str] = {}
    try:
        packages = OFFERED.classes()
    except SpecError as error:
        trouble = error  # a package that is broken hides no other strategy
    listed = [
        {
            "key": strategy.key,
            "class": strategy.__name__,
            "kind": "wrapper" if strategy in WRAPPERS else strategy.kind,
            "backward_passes": "inner's" if strategy in WRAPPERS else strategy.backward_passes,
            "extra_memory": "inner's" if strategy in WRAPPERS else strategy.extra_memory,
            "faithfulness": strategy.faithfulness,
            "source": strategy.source,
            "package": packages.get(strategy, ""),
        }
        for strategy in (*STRATEGIES, *WRAPPERS, *packages)
    ]
    width = shutil.get_terminal_size((120, 24)).columns
    print(json_.dumps(listed, indent=1) if json else strategies_text(listed, width))
    if trouble is not None:
        raise trouble


def strategies_text(listed: Sequence[dict[str, str]], width: int) -> str:
    """The strategies by kind, as lines of at most `width` characters where their names allow it."""
    cells = [[s["key"], s["class"], s["backward_passes"], s["extra_memory"], s["faithfulness"]] for s in listed]
    widths = [max(map(len, column)) for column in zip(_HEAD, *cells, strict=True)]

    def line(entries: Sequence[str]) -> str:
        return "  " + "  ".join(entry.ljust(n) for entry, n in zip(entries, widths, strict=True))

    start = len(line(_HEAD)) + 2
    beside = width - start >= _NARROWEST
    lines = [line(_HEAD) + ("  source" if beside else "")]
    for kind in _KINDS:
        of_kind = [(s, row) for s, row in zip(listed, cells, strict=True) if s["kind"] == kind]
        lines += ["", f"{kind} ({len(of_kind)})"] if of_kind else []
        for strategy, row in of_kind:
            margin = " " * (start if beside else 6)
            said = (
                f"{strategy['source']} [{strategy['package']}]".strip() if strategy["package"] else strategy["source"]
            )
            source = textwrap.wrap(said, width, initial_indent=margin, subsequent_indent=margin) or [""]
            head = line(row)
            lines += [head + source[0][len(head) :], *source[1:]] if beside else [head, *source]
    outside = sum(bool(strategy["package"]) for strategy in listed)
    wrappers = sum(strategy["kind"] == "wrapper" for strategy in listed)
    around = f" and {wrappers} wrappers that go around them" if wrappers else ""
    brought = f", {outside} from the packages in brackets" if outside else ""
    lines += ["", f"{len(listed) - wrappers} strategies{around}{brought}."]
    for note in _LEGEND:
        lines += textwrap.wrap(note, width)
    return "\n".join(line.rstrip() for line in lines)
