"""Patience: how often a disk is asked, what passes at once, and what is said in the end."""

import errno

import pytest

from mtlray.errors import DataError, StoreError
from mtlray.storage import patience
from mtlray.storage.patience import patiently


@pytest.fixture(autouse=True)
def slept(monkeypatch):
    slept = []
    monkeypatch.setattr(patience.time, "sleep", slept.append)
    return slept


class Disk:
    """Raises these errors one after the other, then gives a value."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return "value"


def test_it_is_short(slept):
    assert patiently("file", Disk(*[OSError(errno.ESTALE, "Stale file handle")] * 3)) == "value"
    assert slept == list(patience.PAUSES)
    assert sum(slept) == 1


def test_then_it_stops_with_the_reason_and_the_remedy(slept):
    with pytest.raises(StoreError) as caught:
        patiently("results/file", Disk(*[OSError(errno.ESTALE, "Stale file handle")] * 9))
    assert str(caught.value) == (
        "results/file should be readable. Found: Stale file handle, 4 times within a second. It was left as it is, for this says "
        "nothing about what is in it. Check the network disk that it is on, and mount it again if need be; then run the same "
        "command again to continue."
    )
    assert len(slept) == 3


@pytest.mark.parametrize(
    "error", [FileNotFoundError(2, "No"), NotADirectoryError(20, "No"), ValueError("wrong content")]
)
def test_what_is_an_answer_passes_at_once(error, slept):
    with pytest.raises(type(error)):
        patiently("file", Disk(error))
    assert slept == []


class DiskError(DataError, OSError):
    """One of mtlray's own, which has its remedy."""


def test_an_error_of_our_own_keeps_its_words():
    with pytest.raises(DiskError, match="my remedy"):
        patiently("file", Disk(*[DiskError("my remedy")] * 4))
