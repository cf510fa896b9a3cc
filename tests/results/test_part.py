"""Parts of a grid: how their files are called, and which of them exclude each other."""

import pytest

from mtlray.errors import SpecError
from mtlray.results.part import WHOLE, Part


def test_names():
    assert (WHOLE.file, WHOLE.lock_file) == ("driver.json", "driver.lock"), "as earlier versions call them"
    assert (Part(2, 5).file, Part(2, 5).lock_file) == ("driver-2-of-5.json", "driver-2-of-5.lock")
    assert Part(2, 5, by_cell=True).file == "driver-2-of-5-by-cell.json"
    assert (WHOLE.words(), Part(2, 5).words()) == ("", "part 2 of 5")


@pytest.mark.parametrize("part", [WHOLE, Part(1, 2), Part(12, 12), Part(2, 3, by_cell=True)])
def test_a_part_is_known_by_its_files(part):
    assert Part.named(part.file) == Part.named(part.lock_file) == part


@pytest.mark.parametrize(
    "name", ["driver-0-of-2.json", "driver-3-of-2.lock", "driver-1-of-2.json.tmp", "sweep.json", "driver"]
)
def test_other_files_belong_to_no_part(name):
    assert Part.named(name) is None


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (WHOLE, WHOLE, True),
        (WHOLE, Part(2, 5), True),
        (Part(2, 5), Part(2, 5), True),
        (Part(2, 5), Part(3, 5), False),
        (Part(2, 5), Part(2, 4), True),
        (Part(2, 5), Part(3, 5, by_cell=True), True),
        (Part(2, 5, by_cell=True), Part(3, 5, by_cell=True), False),
    ],
)
def test_which_overlap(one, other, overlap):
    assert one.overlaps(other) is other.overlaps(one) is overlap


@pytest.mark.parametrize(("index", "of"), [(0, 1), (3, 2)])
def test_no_such_part(index, of):
    with pytest.raises(SpecError, match="Parameter `index` should lie between 1 and the number of parts"):
        Part(index, of)


def test_what_a_person_types():
    assert Part.read("2/5") == Part(2, 5)
    assert Part.read("2/5", by_cell=True) == Part(2, 5, by_cell=True)
    assert Part.read("1/1", by_cell=True) == WHOLE


@pytest.mark.parametrize("text", ["0/4", "2", "2/", "/2", "1/0", "-1/4", "1,4", "1/4/5", " 1/4", "²/3", "1/9999999999"])
def test_what_names_no_part(text):
    with pytest.raises(SpecError, match="Option --shard should be I/N, the I-th of N parts"):
        Part.read(text)


def test_a_part_beyond_the_last_is_named():
    with pytest.raises(SpecError, match=r"Found `5/4`: there is no part 5 of 4\.$"):
        Part.read("5/4")
