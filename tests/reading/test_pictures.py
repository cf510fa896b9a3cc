"""Pictures: of the formats that data sets use, whole, and of a size that a picture has."""

import io

import numpy as np
import pytest
from flips import flips
from PIL import Image

from mtlray.reading.causes import Cause, ReadError
from mtlray.reading.pictures import read_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def encoded(kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP"])
def test_pixels_come_back(kind):
    assert np.array_equal(np.asarray(read_picture(encoded(kind), "`x`")), PIXELS)
    assert read_picture(encoded(kind), "`x`", "L").mode == "L"


@pytest.mark.parametrize("n", [100, pytest.param(3000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_flipped_bit_is_told_or_where_there_is_a_checksum_changes_no_pixel(kind, n):
    refused = 0
    for content in flips(encoded(kind), n):
        try:
            found = read_picture(content, "`x`")
        except ReadError:
            refused += 1
        else:
            assert kind == "JPEG" or np.array_equal(np.asarray(found), PIXELS)
    assert refused > (n * 0.9 if kind == "PNG" else 0)


@pytest.mark.parametrize(
    ("content", "cause", "message"),
    [
        (encoded("JPEG")[:500], Cause.DAMAGED, "runcated"),
        (encoded("TIFF"), Cause.DAMAGED, "cannot identify image file"),  # Pillow could open it
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
            Cause.DAMAGED,
            "cannot identify",
        ),  # for it Pillow runs a program
        (b"<html>", Cause.UNKNOWN_KIND, "a web page"),
        (b"%PDF-1.4", Cause.UNKNOWN_KIND, "another kind: PDF"),
        (b"", Cause.DAMAGED, "no bytes"),
    ],
)
def test_what_is_no_whole_picture_is_told(content, cause, message):
    with pytest.raises(ReadError) as caught:
        read_picture(content, "`x`")
    assert caught.value.cause is cause
    assert message in str(caught.value)


def test_a_picture_of_an_absurd_size_is_refused_before_it_is_decoded():
    content = bytearray(encoded("BMP"))
    content[18:26] = (30_000).to_bytes(4, "little") * 2
    with pytest.raises(ReadError, match=r"30,000x30,000 pixels|exceeds limit"):
        read_picture(bytes(content), "`x`")
