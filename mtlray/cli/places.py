"""Places: what is typed where a folder or a URI is expected."""

import re
from pathlib import Path

from mtlray.errors import SpecError

# What begins like a URI and is none: `s3:bucket`, `file:/folder`.
_HALF_URI = re.compile(
    r"(?:[a-z][a-z0-9+.-]+:/|(?:file|s3|gs|gcs|hdfs|viewfs|abfss?|https?):)(?!/)(?!$)", re.IGNORECASE
)
_IN_PLACE_OF_A_URI = {
    "data": "To fetch prepared data from a URI, once per machine, use `--data-from URI`; `mtlray data push SWEEP --to URI` puts "
    "it there.",
}


def named(option: str, text: str) -> str:
    """The value of an option, or of an argument in capitals, that names a folder or a URI.

    Raises SpecError where it is empty, or the half of a URI.
    """
    what = f"Argument {option}" if option.isupper() else f"Option --{option}"
    if not text.strip():
        raise SpecError(f"{what} should name a folder. Found an empty name. Write `.` for the current folder.")
    if re.fullmatch(r"(?!file:)[a-z][a-z0-9+.-]*:/*", text, re.IGNORECASE) and "//" in text:
        raise SpecError(
            f"{what} should name a folder or a URI. Found `{text}`, which names no bucket. Write `{text}BUCKET/FOLDER`."
        )
    if _HALF_URI.match(text):
        scheme, _, rest = text.partition(":")
        path = rest.lstrip("/")
        whole = f"{scheme}:///{path}" if scheme.lower() == "file" else f"{scheme}://{path}"
        raise SpecError(
            f"{what} should name a folder or a URI. Found `{text}`, which is neither: a URI has two slashes after "
            f"the colon. Write `{whole}`, or `./{text}` for a folder of that name."
        )
    return text


def folder(option: str, text: str) -> str:
    """The absolute path of a folder. Raises SpecError for a URI, and as `named`."""
    if "://" in text:
        remedy = _IN_PLACE_OF_A_URI.get(option, "Name a folder on this machine.")
        raise SpecError(f"Option --{option} should name a folder. Found the URI `{text}`. {remedy}")
    return str(Path(named(option, text)).expanduser().absolute())


def place(option: str, text: str) -> str:
    """A URI as it is; the absolute path of a folder. Raises SpecError as `named`."""
    return text if "://" in named(option, text) else folder(option, text)
