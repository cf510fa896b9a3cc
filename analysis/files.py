"""Files: a table or page as a file, whole or not at all."""

import contextlib
import io
import os
import tempfile
from pathlib import Path

from mtlray.analysis.layout import html
from mtlray.analysis.tables import FORMATS, Table
from mtlray.errors import SpecError, unknown_name

_ENDINGS = {
    ".txt": "text",
    ".md": "markdown",
    ".tex": "latex",
    ".html": "html",
    ".csv": "csv",
    ".parquet": "parquet",
}


def form_of(out: Path | None, format: str | None) -> str:
    """The form of a table: that asked for, else by the ending of its file, else text. Raises SpecError for none that there is."""
    ending = "" if out is None else out.suffix.lower()
    if format is None:
        if out is None:
            return "text"
        if ending in _ENDINGS:
            return _ENDINGS[ending]
        raise SpecError(f"Option --out should end with {', '.join(_ENDINGS)}, or come with --format. Found `{out}`.")
    if format == "parquet" and ending != ".parquet":
        raise SpecError("Parquet is no text: name a file with --out FILE.parquet.")
    if format not in (*FORMATS, "parquet"):
        raise unknown_name("format", format, FORMATS)
    return format


def write_table(table: Table, out: Path, form: str, width: int) -> None:
    """Write a table to a file in a form that `form_of` gives. Raises SpecError where the file cannot be written."""
    if form == "parquet":
        buffer = io.BytesIO()
        table.frame().to_parquet(buffer, index=False)
        write(out, buffer.getvalue())
        return
    rendered = table.render(form, width=width)
    if form == "html":
        rendered = html.page(str(table.results.sweep.get("name") or table.results.ledger.sweep), [rendered])
    write(out, (rendered + "\n").encode())


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a name of its own beside it first. Raises SpecError."""
    try:
        target = path.expanduser().resolve()
        if target.exists() and not target.is_file():  # a pipe, or /dev/stdout; and a folder, which says so itself
            target.write_bytes(data)
            return
        mode = target.stat().st_mode & 0o7777 if target.exists() else None
        handle, scratch = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(scratch).chmod(0o666 & ~_umask() if mode is None else mode)
            Path(scratch).replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(scratch).unlink()
            raise
    except OSError as error:
        raise SpecError(
            f"Option --out should name a file that can be written. Found `{path}`: {error.strerror}."
        ) from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
