"""Page: the report's HTML, from a template, a style sheet and a script that lie beside this file."""

import re
import time
from collections.abc import Sequence
from importlib import resources

import jinja2
from markupsafe import Markup

from mtlray.analysis.grid.arranging import arranged
from mtlray.analysis.grid.selection import RULES, rule_of
from mtlray.analysis.grid.several import load_all
from mtlray.analysis.grid.tuning import tuned
from mtlray.analysis.layout import delimited
from mtlray.analysis.report.collecting import set_aside
from mtlray.analysis.report.completeness import MOST, STATES, completeness
from mtlray.analysis.report.content import cells, downloads, grids, name_of, published_table, section
from mtlray.analysis.report.download import download, packed
from mtlray.analysis.report.protocol import provenance
from mtlray.analysis.sources import Sources
from mtlray.errors import ResultsError
from mtlray.words.masking import masked
from mtlray.words.values import per_cent

_FOLDED_FROM = 1000  # planned trials; from then on the page draws figures and long tables when they are opened


def render_report(
    given: Sources,
    *,
    select: str | None = None,
    against: str | None = None,
    rates: str | None = None,
    by: Sequence[str] = (),
    where: str | None = None,
) -> str:
    """The report of a sweep, or of several side by side, as one HTML page, which asks for nothing over a network.

    `select` is the rule that the page opens with and that its figures follow (default: the sweep's own). `by` and `where` are
    as in `arranged`. Raises what `load`, `arranged` and `tuned` raise, SpecError for unknown names, and ResultsError where the
    sweep plans no trial. What is wrong with the results themselves stands on the page.
    """
    results = arranged(load_all(given), by=by, where=where)
    selected = rule_of(select, results.sweep)
    if not results.datasets:
        raise ResultsError("A report should be about at least one trial. The sweep plans none.")
    beside = published_table(results, against)
    done = completeness(results)
    results = tuned(results, rates)
    of_rules = grids(results)
    with set_aside():
        made = cells(results, of_rules, beside)
        sections = [section(results, selected, i, of_rules, made) for i in range(len(results.datasets))]
    launch = results.sweep.get("launch") or {}
    name = name_of(results)
    source = masked(str(launch.get("source") or ""))  # earlier versions stored it as it was
    files = downloads(results, made)
    files.append(download(f"{name}.completeness.csv", "completeness, CSV", delimited.render(done.frame()), "text/csv"))
    if len(done.troubles):
        files.append(download(f"{name}.failures.csv", "failures, CSV", delimited.render(done.troubles), "text/csv"))
    if source:
        files.append(download(str(launch.get("sweep_file", f"{name}.py")), "sweep file", source, "text/x-python"))
    return _template().render(
        name=name,
        question=" ".join(str(results.sweep.get("question") or "").split()),
        selected=selected,
        rules=RULES,
        completeness=done,
        states=STATES,
        most=MOST,
        troubles=done.troubles.head(MOST).to_dict("records"),
        sections=sections,
        published=beside,
        others=results.others,
        damaged=done.damaged,
        folded=done.planned > _FOLDED_FROM,
        downloads=files,
        provenance=provenance(results),
        source=source,
        made=time.strftime("%Y-%m-%d %H:%M %Z"),
        style=_beside("page.css"),
        script=_beside("page.js"),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": _percent, "number": _number, "packed": packed}
    return environment.from_string(str(_beside("page.html.j2")))


def _beside(filename: str) -> Markup:
    return Markup(resources.files("mtlray.analysis.report").joinpath(filename).read_text(encoding="utf-8"))


def _percent(fraction: float) -> str:
    return f"{per_cent(fraction)} %"


def _number(text: str) -> str:
    """The first number in a cell, for sorting; "" where there is none. What is below a bound comes before it."""
    found = re.search(r"-?\d[\d,]*(\.\d+)?", text.replace("−", "-"))
    if not found:
        return ""
    number = float(found[0].replace(",", ""))
    return repr(number / 2 if text.startswith("<") else number)
