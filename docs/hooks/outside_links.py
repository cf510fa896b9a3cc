"""A hook of mkdocs: links from a page to files outside docs/ are shown as code, since the site does not hold those files."""

import re
from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page's text with each link that leaves docs/ replaced by its text and, where that is other, its target."""
    return re.sub(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)\s]+)\)", _as_code, markdown)


def _as_code(link: re.Match[str]) -> str:
    text, target = link[1], re.sub(r"^(\.\./)+", "", link[2])
    return f"`{target}`" if text.strip("`").rstrip("/") == target.rstrip("/") else f"{text} (`{target}`)"
