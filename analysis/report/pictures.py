"""Pictures: figures as SVG to stand inside a page, in the page's colours and with ids of their own."""

import re

from markupsafe import Markup
from matplotlib.figure import Figure

from mtlray.analysis.figures.files import encode
from mtlray.analysis.figures.style import FAINT, INK, PALETTE, RULE

_THEMED = {INK: "ink", FAINT: "faint", RULE: "rule"} | {color: f"series-{i}" for i, color in enumerate(PALETTE)}


def inline(drawn: Figure, name: str, title: str) -> Markup:
    """The figure as an `<svg>` element. `name` is unique on the page; `title` is what a screen reader says.

    Colours become CSS variables with the light ones as fall-back, so that a figure that is taken out of the page keeps
    its colours.
    """
    text = encode(drawn, "svg", text_as_paths=False).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\s(xmlns(:\w+)?|version)="[^"]*"', "", text, count=3)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'href="#', f'href="#{name}-', text)
    text = re.sub(r"url\(#", f"url(#{name}-", text)
    for color, variable in _THEMED.items():
        text = text.replace(color, f"var(--{variable}, {color})")
    # The white rectangles behind the figure and the panels would shine in a dark page.
    text = text.replace("fill: #ffffff", "fill: none")
    text = re.sub(
        r'<svg width="([\d.]+)pt" height="[\d.]+pt"', rf'<svg style="max-width:{_pixels(text)}px"', text, count=1
    )
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{Markup.escape(title)}" ', 1))


def _pixels(text: str) -> int:
    width = re.search(r'width="([\d.]+)pt"', text)
    return round(float(width[1]) * 4 / 3) if width else 900
