"""What Ray's memory monitor says, in the words of two of its versions."""

import pytest

from mtlray.running.on_ray.shortage import Shortage

OLD = (
    "Task was killed due to the node running low on memory.\nMemory on the node (IP: 10.0.0.1, ID: 0a) where the task (actor ID: "
    "0b, name=ImplicitFunc.train, pid=7, memory used=14.20GB) was running was 22.61GB / 23.54GB (0.960), which exceeds the "
    "memory usage threshold of 0.95. Ray killed this worker (ID: 0c) because it was the most recently scheduled task; to see more"
)
NEW = (
    "1 worker(s) were killed due to the node running low on memory. Memory on the node (IP: 10.0.0.1, ID: 0a) was 22.61GB used / "
    "23.54GB limit (0.960)\nOOM kill reason: Memory usage 24277350000B exceeded threshold of 24012688588B (95.0% of 25276514304B "
    "limit)\nRay killed 1 worker(s) based on the killing policy\nConsidered workers: [\n(Actor(0d): pid=8, actual memory "
    "used=1.50GB, worker ID=0e)\nSelected to kill: (Actor(0b): job ID=01, required resources={CPU: 1}, pid=7, actual memory "
    "used=0.52GB, worker ID=0c)\n]\nTotal non-selected idle workers USS bytes: 0.00GB"
)


@pytest.mark.parametrize(
    ("text", "by", "is_of_one", "words"),
    [
        (OLD, (14.2,), True, "killed a trial: of its node's 23.54 GB, 22.61 GB were in use, 14.2 GB by this trial"),
        (NEW, (0.52,), False, "killed a trial: of its node's 23.54 GB, 22.61 GB were in use, 0.52 GB by this trial"),
        (
            NEW.replace("(Actor(0d)", "Selected to kill: (Actor(0d)"),
            (1.5, 0.52),
            False,
            "killed 2 trials: of its node's 23.54 GB, 22.61 GB were in use, 2.02 GB by these trials",
        ),
        (
            OLD + "\n" + NEW,
            (0.52,),
            False,
            "killed a trial: of its node's 23.54 GB, 22.61 GB were in use, 0.52 GB by this trial",
        ),
        (
            "The node running low on memory, in new words.",
            (),
            False,
            "killed a trial: the memory of its node was nearly used up",
        ),
    ],
    ids=["2.50", "2.60", "two", "the last", "unknown"],
)
def test_whose_memory_it_was(text, by, is_of_one, words):
    found = Shortage.of(RuntimeError(text))
    assert found.by_killed == by
    assert found.is_of_one_trial == is_of_one
    assert str(found) == f"Ray's memory monitor {words}"


def test_other_errors_tell_of_no_shortage():
    assert Shortage.of(RuntimeError("out of memory")) is None
    assert Shortage.of(None) is None
