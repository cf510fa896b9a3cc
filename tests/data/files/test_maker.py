"""Arrays that an earlier text of a user's data set made are never taken for those of the present one."""

import json
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import worked_example
from worked_example import OWN_FOLDER

from mtlray import MultiMNIST
from mtlray.data.files import prepared
from mtlray.data.files.prepared import RECORD
from mtlray.errors import DataError
from mtlray.specs.sweepfile import load_sweep

EDIT = ("y, x = rng.integers(2, 34, (2, n))", "y, x = rng.integers(9, 27, (2, n))")
COMMENT = ("def make():\n", "def make():  # at random\n")
WITH_A_FIELD = ("class Points(DatasetSpec):\n", "class Points(DatasetSpec):\n    side: int = 36\n\n")


def dataset(folder, *edits):
    folder.mkdir(exist_ok=True)
    return load_sweep(worked_example.write(folder, *edits))[0].base.dataset


def prepared_in(root):
    return sorted(path.parent.name for path in root.rglob(RECORD))


def test_an_edit_of_make_is_made_in_a_folder_of_its_own(tmp_path):
    one = dataset(tmp_path / "sweep")
    root = tmp_path / "data"
    first = one.prepare(root)
    again = dataset(tmp_path / "sweep", COMMENT)
    assert again.prepare(root) == first
    assert len(prepared_in(root)) == 1, "a comment changes nothing"
    other = dataset(tmp_path / "sweep", EDIT)
    second = other.prepare(root)
    assert second != first
    assert other.load(root).fingerprint == second
    assert one.load(root).fingerprint == first
    assert len(prepared_in(root)) == 2
    assert all(name.startswith("points-") for name in prepared_in(root))


def test_an_edit_of_a_module_beside_the_sweep_file_is_made_in_a_folder_of_its_own(tmp_path):
    imported = (
        ("import numpy as np\n", "import numpy as np\nfrom lows import LOW\n"),
        ("rng.integers(2, 34", "rng.integers(LOW, 34"),
    )
    (tmp_path / "sweep").mkdir()
    marks = []
    for low in (2, 9):
        (tmp_path / "sweep" / "lows.py").write_text(f"LOW = {low}\n")
        marks.append(dataset(tmp_path / "sweep", *imported).prepare(tmp_path / "data"))
    assert marks[0] != marks[1]
    assert len(prepared_in(tmp_path / "data")) == 2


def test_other_fields_are_made_in_a_folder_of_their_own(tmp_path):
    spec = dataset(tmp_path / "sweep", WITH_A_FIELD)
    folders = {type(spec)(side=side).prepared_folder(tmp_path) for side in (36, 37)}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {tmp_path / "prepared"}


@pytest.mark.parametrize("method", ["prepare", "load"])
def test_a_folder_that_the_class_chose_is_refused_after_an_edit(tmp_path, method):
    root = tmp_path / "data"
    dataset(tmp_path / "sweep", OWN_FOLDER).prepare(root)
    dataset(tmp_path / "sweep", OWN_FOLDER, COMMENT).prepare(root)
    edited = dataset(tmp_path / "sweep", OWN_FOLDER, EDIT)
    with pytest.raises(DataError) as caught:
        getattr(edited, method)(root)
    assert str(caught.value) == (
        f"The prepared data in {root / 'prepared' / 'points'} should be made by the present code and fields of Points. Found "
        "arrays made with another text of its code. Remove it with `mtlray data remove points`, and it is made anew. To have a "
        "folder for each text of the class, write `self.prepared_folder(root)` where it names its folder."
    )


def test_a_folder_that_the_class_chose_is_refused_for_other_fields(tmp_path):
    spec = dataset(tmp_path / "sweep", OWN_FOLDER, WITH_A_FIELD)
    spec.prepare(tmp_path)
    with pytest.raises(DataError, match=r"Found arrays made with `side` = 36\. Remove it"):
        type(spec)(side=40).prepare(tmp_path)


def test_arrays_that_do_not_say_what_made_them_are_refused_by_the_code_that_makes_them(tmp_path):
    spec = dataset(tmp_path / "sweep", OWN_FOLDER)
    spec.prepare(tmp_path)
    (record,) = tmp_path.rglob(RECORD)
    content = json.loads(record.read_text())
    earlier = {name: content[name] for name in ("generation", "fingerprint", "arrays", "stamps")} | {"about": {}}
    record.write_text(json.dumps(earlier))  # as 0.1 wrote it
    assert len(spec.load(tmp_path).splits["train"]) == 800, "an import may have made them"
    with pytest.raises(DataError, match="Found arrays that do not say what made them"):
        spec.prepare(tmp_path)


def test_an_import_of_ones_own_is_read(tmp_path):
    prepared.prepare(tmp_path / "prepared" / "points", lambda: {"train-images": np.zeros((2, 3), np.uint8)})
    prepared.prepare(tmp_path / "prepared" / "points", dict)  # by the same script again
    body = "def prepare(self, root):\n        return prepared.recorded_fingerprint(root / 'prepared' / self.key)"
    makes = "def prepare(self, root):\n        return prepared.prepare(self.prepared_folder(root), make)"
    spec = dataset(tmp_path / "sweep", (makes, body), OWN_FOLDER)
    assert spec.prepare(tmp_path) == prepared.recorded_fingerprint(tmp_path / "prepared" / "points")


def test_arrays_of_a_users_class_are_not_read_as_mtlrays_own(tmp_path):
    spec = dataset(tmp_path / "sweep", OWN_FOLDER)
    spec.prepare(tmp_path)
    ours = MultiMNIST(source="mnist5k")
    (tmp_path / "prepared" / "points").rename(ours._folder(tmp_path))
    for method in (ours.prepare, ours.load):
        with pytest.raises(
            DataError,
            match=r"made by the present code and fields of mtlray's own data set\. Found arrays made by Points",
        ):
            method(tmp_path)


@dataclass(frozen=True)
class Renamed(MultiMNIST):
    """Takes over how mtlray's own arrays are made."""

    @property
    def label(self):
        return "renamed"


def test_a_class_that_takes_over_mtlrays_prepare_shares_its_arrays(data_root):
    mark = MultiMNIST(source="mnist5k", val_digits=200).prepare(data_root)
    assert Renamed(source="mnist5k", val_digits=200).prepare(data_root) == mark
    assert Renamed(source="mnist5k", val_digits=200).load(data_root).fingerprint == mark


def test_a_shipped_data_set_keeps_its_folder_and_its_record(tmp_path):
    spec = MultiMNIST(source="mnist5k", val_digits=200)
    assert spec.prepare(tmp_path) == "90fdc4c08e93f346"
    (record,) = tmp_path.rglob(RECORD)
    assert record.parent == tmp_path / "prepared" / "multi_mnist-sener-mnist5k-17713dc8"
    assert json.loads(record.read_text())["about"] == {}


def test_what_makes_the_arrays_travels_with_the_data_set(tmp_path):
    """A worker has the class and not its file."""
    spec = dataset(tmp_path / "sweep")
    text = spec.prepared_by
    state = pickle.loads(pickle.dumps(spec.__dict__))
    assert state["prepared_by"] == text
    assert json.loads(text)["type"].startswith("Points@")
