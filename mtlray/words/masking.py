"""Masking: credentials in a URI become *** wherever a text is shown or stored; the URI that is opened keeps them."""

import re
from typing import Any

_MASK = "***"
# Schemes that a person may write without slashes by mistake; with a slash any word before the colon counts.
_STORES = r"s3|gs|gcs|abfss?|hdfs|viewfs|https?|ftp|az|wasbs?"
_END = r"\s'\"`<>"  # what ends a URI in a text
_START = rf"(?:\b[a-z][a-z0-9+.-]*:/{{1,2}}|\b(?:{_STORES}):)(?=[^{_END}/])"
_URI = re.compile(rf"{_START}(?:(?!\b[a-z][a-z0-9+.-]*://)[^{_END}])+", re.IGNORECASE)
# Up to the last @ before a slash; or a name and a secret in which somebody has left a slash as it is, which is no port.
_USER = re.compile(r"^(?!(?:anonymous|git)@)(?:[^/?#]*|[^/?#@:]*:(?!\d+/)[^?#@]*)@", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:/{0,2}", re.IGNORECASE)
_SECRET = (
    r"[^=&;?#]*(?:secret|token|passw|pwd|passphrase|key|sig|credential|auth|sas|session|cookie|jwt|bearer)[^=&;?#]*"
)
# To the next option, a slash included: a secret may have one.
_OPTION = re.compile(rf"([?&;#]{_SECRET}=)[^&;#]*", re.IGNORECASE)


def masked(text: str) -> str:
    """A text with user names, passwords, keys and tokens in its URIs replaced by ***."""
    return _URI.sub(lambda found: _masked_uri(found[0]), text) if ":" in text else text


def holds_credentials(text: str) -> bool:
    """Whether `masked` changes a text."""
    return masked(text) != text


def masked_within(value: Any) -> Any:
    """JSON values with each text masked, those in lists and objects too."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {key: masked_within(entry) for key, entry in value.items()}
    return [masked_within(entry) for entry in value] if isinstance(value, (list, tuple)) else value


class MaskedStream:
    """A text stream that masks what is written to it; all else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._stream.write(masked(text))
        return len(text)


def _masked_uri(uri: str) -> str:
    scheme = _SCHEME.match(uri)
    assert scheme is not None, uri
    rest = _USER.sub(f"{_MASK}@", uri[scheme.end() :])
    return scheme[0] + _OPTION.sub(rf"\g<1>{_MASK}", rest)
