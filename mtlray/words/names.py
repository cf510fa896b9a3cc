"""Names that come out of files: whether they name something in a folder, and nothing outside it."""


def is_plain(name: object) -> bool:
    """Whether a value is a name in a folder: a text in one line, without slashes, that does not begin with a point."""
    if not isinstance(name, str) or not name or name.startswith("."):
        return False
    return name.isprintable() and "/" not in name and "\\" not in name
