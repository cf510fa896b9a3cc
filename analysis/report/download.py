"""Download: a file that the page holds, and parts of the page that it draws only when they are opened, both compressed."""

import base64
import gzip
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Download:
    """A file inside the page, `packed`; `rule` is "" where it is the same under all."""

    filename: str
    label: str
    kind: str
    packed: str
    rule: str


def download(filename: str, label: str, text: str, kind: str, rule: str = "") -> Download:
    """A text as a file inside the page."""
    return Download(filename=filename, label=label, kind=kind, packed=packed(text), rule=rule)


def packed(text: str) -> str:
    """A text compressed by gzip, in base64, as the page's script unpacks it. The same text gives the same bytes."""
    return base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()
