"""Attempts as values: what a launch makes of those without an end, and which count against a trial."""

import pytest

from mtlray.results.attempts import Attempt, failures, history, settled

RUNNING = Attempt(1, "a", "host", 1)


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("finished", False),
        ("interrupted", False),
        ("out of memory", False),
        ("worker lost", True),
        ("hung", True),
        ("error that may pass", True),
        ("an end of a later version", False),
    ],
)
def test_what_counts(end, counts):
    assert len(failures([Attempt(1, "a", "host", 1, end)])) == counts
    assert failures([Attempt(1, "a", "host", 1, end, forgiven=True)]) == []


def test_settling_changes_no_attempt_that_has_an_end():
    ended = Attempt(1, "a", "host", 1, "hung", "why")
    assert settled([ended], "a") == (ended,)


@pytest.mark.parametrize(("launch", "end"), [("a", "worker lost"), ("b", "interrupted")])
def test_an_attempt_without_an_end_lost_its_worker_or_its_driver(launch, end):
    assert [attempt.end for attempt in settled([RUNNING], launch)] == [end]


def test_the_history_in_words():
    assert history([Attempt(1, "a", "host", 1, "hung"), RUNNING]) == "hung, running"
