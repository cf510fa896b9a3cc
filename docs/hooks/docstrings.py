"""An extension of griffe: our docstrings as Markdown. Doctests and `.. math::` blocks become code; brackets are no links."""

import re
from typing import Any

import griffe

_MATH = re.compile(
    r"^(?P<indent> *)\.\. math::[ ]*(?P<first>[^\n]*)\n(?P<body>(?:(?P=indent) +[^\n]*\n|[ ]*\n)*)", re.M
)
_DOCTEST = re.compile(r"^(?P<indent> *)>>> (?:[^\n]*\S[^\n]*(?:\n|\Z))+", re.M)
_CODE = re.compile(r"(^```.*?^```$|`[^`\n]+`)", re.M | re.S)


class Docstrings(griffe.Extension):
    """Rewrites each docstring once, when its object has been read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for each module, class, function and attribute."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """A docstring in Markdown."""
    text = _MATH.sub(lambda found: _fenced("text", found["first"] + "\n" + found["body"]), text + "\n")
    text = _DOCTEST.sub(lambda found: _fenced("pycon", found[0]), text)
    parts = _CODE.split(text.replace(":math:`", "`"))
    parts[::2] = [part.replace("[", r"\[") for part in parts[::2]]
    return "".join(parts).strip()


def _fenced(language: str, body: str) -> str:
    lines = [line for line in body.splitlines() if line.strip()]
    depth = min((len(line) - len(line.lstrip()) for line in lines if line.startswith(" ")), default=0)
    code = "\n".join(line[depth:] if line.startswith(" " * depth) else line for line in lines)
    return f"\n```{language}\n{code}\n```\n\n"
