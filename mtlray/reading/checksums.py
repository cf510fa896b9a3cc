"""Published checksums of files that people bring."""

import hashlib
from pathlib import Path

from mtlray.reading.causes import Cause, ReadError, guarded


def require_md5(path: Path, md5: str) -> None:
    """Raise ReadError for a file that has not the published md5."""
    with guarded(f"`{path}`", f"the published {path.name}"), path.open("rb") as opened:
        found = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != md5:
        raise ReadError(
            f"`{path}`",
            f"the published {path.name} with md5 {md5}",
            f"another content, md5 {found}",
            Cause.UNKNOWN_KIND,
            "Fetch it again.",
        )
