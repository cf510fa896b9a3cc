"""Object stores by URI: how they are opened so that one put makes a whole file, and what their refusals mean in words."""

import contextlib
import re
from collections.abc import Iterator

from pyarrow import ArrowInvalid, fs

from mtlray.errors import ResultsError, StoreError
from mtlray.words.masking import masked

# Options of a URI that are ours unless it says otherwise. S3: a small file is one request, and not three; an empty one can be
# written. GCS: a network that is away is an error after a minute, and not after fifteen.
_DEFAULTS = {"s3": {"allow_delayed_open": "true"}, "gs": {"retry_limit_seconds": "60"}}

_RESULTS = ("Results should be written to", "list, read, write and delete")
_REMEDIES = (
    (
        r"expired",
        "The credentials have expired. Renew them for the driver and on every node (for AWS: `aws sso login`, or a new "
        "AWS_SESSION_TOKEN), and run the same command again.",
    ),
    (
        r"no[ _]such[ _]bucket|bucket does not exist",
        "There is no such bucket. Create it, or correct the URI.",
    ),
    (
        r"access[ _]?denied|invalid[ _]?access[ _]?key|signature|credentials|unauthenticated|permission|forbidden|\b40[13]\b|"
        r"invalid[ _]?(client[ _]?)?token",
        "The credentials are missing, expired or not enough. For s3:// set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
        "AWS_PROFILE, or give the machine a role; for gs:// set GOOGLE_APPLICATION_CREDENTIALS; with the right to RIGHTS there, "
        "for the driver and on every node.",
    ),
    (
        r"network|resolve|connect|curl|timed? ?out|unavailable|slow[ _]?down",
        "The store did not answer. Check the network, the endpoint (AWS_ENDPOINT_URL, or "
        "`?endpoint_override=HOST:PORT&scheme=http` behind the URI) and the region (`?region=…`); then run the same command "
        "again to continue.",
    ),
)


def open_uri(uri: str, wish: str = _RESULTS[0], rights: str = _RESULTS[1]) -> tuple[fs.FileSystem, str, str]:
    """The file system, the path in it, and the URI for messages: without options and credentials.

    Raises ResultsError for what is no such URI, and StoreError as `explained`.

    Folders may stand behind the options: `s3://bucket/results?region=eu-west-1/sweep` is the folder `sweep` in the results.
    """
    place, _, options = uri.partition("?")
    options, _, below = options.partition("/")
    place = f"{place.rstrip('/')}/{below}" if below else place
    shown = masked(place).replace("***@", "")
    scheme = place.partition("://")[0]
    given = {part.partition("=")[0] for part in options.split("&")}
    options = "&".join(
        [*filter(None, [options]), *(f"{k}={v}" for k, v in _DEFAULTS.get(scheme, {}).items() if k not in given)]
    )
    try:
        with explained(shown, wish, rights):  # the region of a bucket is asked for here
            system, path = fs.FileSystem.from_uri(f"{place}?{options}" if options else place)
    except (ArrowInvalid, ValueError) as error:
        raise ResultsError(
            f"`{shown}` should be a folder or a URI that pyarrow knows (s3://, gs://, hdfs://). Found: {error}."
        ) from error
    if not path:
        raise ResultsError(f"`{shown}` should name a bucket and a folder in it, as in {scheme}://bucket/folder.")
    return system, path, shown


@contextlib.contextmanager
def explained(shown: str, wish: str = _RESULTS[0], rights: str = _RESULTS[1]) -> Iterator[None]:
    """Turn a refusal of the store into a StoreError with its remedy; FileNotFoundError stays what it is.

    `wish` is what should be there, and `rights` is what it takes.
    """
    try:
        yield
    except (FileNotFoundError, StoreError):
        raise
    except OSError as error:
        text = " ".join(str(error).split()).rstrip(".")
        remedies = _REMEDIES if "://" in shown else ()
        remedy = next(
            (
                remedy.replace("RIGHTS", rights)
                for pattern, remedy in remedies
                if re.search(pattern, text, re.IGNORECASE)
            ),
            "Fix that, then run the same command again to continue.",
        )
        raise StoreError(f"{wish} {shown}. The store says: {text}. {remedy}") from error
