"""Attempts: which starts count against a trial, over kills, launches and `retry`."""

import pytest

from mtlray.results.attempts import Attempt, begin, failures, finish, forgive, history, read_attempts, settled
from mtlray.storage.store import Store

ID = "0" * 16


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def start(store, launch):
    return begin(store, ID, launch, "host", 1)


def ends(store):
    return [attempt.end for attempt in read_attempts(store, ID)]


def test_a_start_after_a_kill_in_the_same_launch_lost_its_worker(store):
    start(store, "a")
    assert ends(store) == [""]
    start(store, "a")
    assert ends(store) == ["worker lost", ""]
    assert len(failures(read_attempts(store, ID))) == 1


def test_a_start_after_the_driver_was_killed_costs_nothing(store):
    start(store, "a")
    start(store, "b")
    assert ends(store) == ["interrupted", ""]
    assert failures(read_attempts(store, ID)) == []


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("finished", False),
        ("interrupted", False),
        ("out of memory", False),
        ("worker lost", True),
        ("hung", True),
        ("error that may pass", True),
    ],
)
def test_what_counts(store, end, counts):
    finish(store, ID, start(store, "a"), end, "why")
    (attempt,) = read_attempts(store, ID)
    assert (attempt.end, attempt.reason) == (end, "why")
    assert len(failures([attempt])) == counts


def test_retry_forgives_and_keeps_the_history(store):
    for _ in range(3):
        start(store, "a")
    forgive(store, ID)
    start(store, "b")
    attempts = read_attempts(store, ID)
    assert failures(attempts) == []
    assert history(attempts) == "worker lost, worker lost, interrupted, running"
    assert [attempt.number for attempt in attempts] == [1, 2, 3, 4]


def test_retry_of_a_trial_that_never_started_writes_nothing(store, tmp_path):
    forgive(store, ID)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_leaves_the_number_of_starts(store):
    start(store, "a")
    store.write(f"trials/{ID}/attempt-1.log", b"")
    store.write(f"trials/{ID}/attempts.json", b'[{"number":')
    assert [(a.number, a.end) for a in read_attempts(store, ID)] == [(1, "interrupted")]


def test_settling_changes_no_attempt_that_has_an_end():
    ended = Attempt(1, "a", "host", 1, "hung", "why")
    assert settled([ended], "a") == (ended,)
