"""TeX: text that LaTeX typesets as it is, and names of labels."""

import re

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "[": "{[}",  # behind a line's end it would be taken for an option
    "]": "{]}",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"$\sim$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': "''",
    "±": r"$\pm$",
    "−": r"$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≈": r"$\approx$",
    "Δ": r"$\Delta$",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "‘": "`",
    "’": "'",
}
_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi o pi rho . sigma tau upsilon phi chi psi omega"
_ESCAPES |= {
    chr(0x3B1 + place): rf"$\{name}$" if len(name) > 1 else name
    for place, name in enumerate(_GREEK.split())
    if name != "."
}


def escape(text: str) -> str:
    """Text that LaTeX typesets as it is."""
    # The braces keep two hyphens, as in the name of an option, from joining into a dash.
    return "".join(_ESCAPES.get(character, character) for character in text.replace("--", "-\0-")).replace("\0", "{}")


def slug(text: str) -> str:
    """A text as part of a label: what LaTeX reserves becomes hyphens."""
    return re.sub(r"[^A-Za-z0-9.:]+", "-", text).strip("-")
