"""Pictures: of the few formats that data sets use, and of a size that a picture has."""

import io

from PIL import Image

from mtlray.reading.causes import Cause, ReadError, check_kind, guarded

_EXPECTED = "a picture"
# Pillow opens forty formats, and runs a program of the system for some of them.
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
_PIXELS = 2**26


def read_picture(content: bytes, name: str, mode: str | None = None) -> Image.Image:
    """The picture that a file holds, decoded, in one of Pillow's modes or its own; `name` is the file's in backticks.

    Raises ReadError.
    """
    with guarded(name, _EXPECTED):
        check_kind(content[:512], _FORMATS, name, _EXPECTED)
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            width, height = picture.size
            if width * height > _PIXELS:
                raise ReadError(name, _EXPECTED, f"{width:,}x{height:,} pixels", Cause.HOSTILE)
            if picture.format == "PNG":  # whose checksums are not compared otherwise
                picture.verify()
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            picture.load()
            return picture if mode is None else picture.convert(mode)
