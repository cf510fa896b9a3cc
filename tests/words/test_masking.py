"""Credentials in URIs are masked in any text, and nothing else is."""

import io
import pickle

import pytest

from mtlray.errors import DataError, SpecError, StoreError
from mtlray.words.masking import MaskedStream, holds_credentials, masked, masked_within


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://KEY:secret@bucket/folder", "s3://***@bucket/folder"),
        ("s3://KEY:sec/ret+x==@bucket/folder", "s3://***@bucket/folder"),  # a slash that nobody has encoded
        ("s3://KEY:p@ss@bucket/folder", "s3://***@bucket/folder"),
        ("s3://KEY:secret@bucket/a@b", "s3://***@bucket/a@b"),
        ("S3:/KEY:secret@bucket", "S3:/***@bucket"),
        ("s3:KEY:secret@bucket", "s3:***@bucket"),
        ("https://token@host/x", "https://***@host/x"),
        ("hdfs://user@name:8020/x", "hdfs://***@name:8020/x"),
        ("s3://b/f?token=secret", "s3://b/f?token=***"),
        ("s3://b/f?region=eu&secret_key=se/cret&scheme=http", "s3://b/f?region=eu&secret_key=***&scheme=http"),
        ("https://h/x?X-Amz-Signature=secret&sig=secret", "https://h/x?X-Amz-Signature=***&sig=***"),
        ("run --results 's3://KEY:secret@b/f' --yes", "run --results 's3://***@b/f' --yes"),
        ('f("s3://b/f?token=secret", 3)', 'f("s3://b/f?token=***", 3)'),
        ("(s3://KEY:secret@b), s3://K:secret@c; uri:gs://K:secret@d", "(s3://***@b), s3://***@c; uri:gs://***@d"),
        ("a=s3://b/x;s3://KEY:secret@h", "a=s3://b/x;s3://***@h"),
    ],
)
def test_credentials_are_masked(text, shown):
    assert masked(text) == shown
    assert masked(shown) == shown
    assert holds_credentials(text)
    assert "secret" not in masked(text).replace("secret_key", "")


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/folder?region=eu-west-1&endpoint_override=127.0.0.1:9000&scheme=http/sweep",
        "gs://anonymous@bucket/x",
        "ssh://git@host/x",
        "http://127.0.0.1:5000/x@y",
        "https://openreview.net/forum?id=token",
        "/folder/x@y?token=z",
        "C:/x/y@z and 12:30 a:b@c",
        "me@host.example",
        "Parameter `seed` should be at least 0.",
        "",
    ],
)
def test_everything_else_stays(text):
    assert masked(text) == text
    assert not holds_credentials(text)


def test_values_of_json():
    value = {"a": ["s3://K:secret@b", 1, None, True], "b": {"c": "s3://K:secret@b"}, "d": 0.5}
    assert masked_within(value) == {"a": ["s3://***@b", 1, None, True], "b": {"c": "s3://***@b"}, "d": 0.5}


@pytest.mark.parametrize("kind", [SpecError, DataError, StoreError])
def test_an_error_holds_no_credentials(kind):
    error = kind("Results should lie in s3://K:secret@b/f. Found nothing.")
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert str(one) == "Results should lie in s3://***@b/f. Found nothing."
        assert "secret" not in repr(one)


def test_a_stream():
    below = io.StringIO()
    stream = MaskedStream(below)
    print("to s3://K:secret@b", 3, file=stream)
    assert below.getvalue() == "to s3://***@b 3\n"
    assert stream.isatty() is False
