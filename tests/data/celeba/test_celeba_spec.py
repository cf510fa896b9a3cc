"""CelebA as a spec: forty tasks, names that are no longer than a folder's, sizes without the data."""

import pytest

from mtlray.data import CelebA
from mtlray.data.celeba.lists import ATTRIBUTES
from mtlray.errors import DataError, SpecError


def test_sizes_and_names_are_known_without_the_data():
    spec = CelebA()
    assert [spec.n_examples(split) for split in ("train", "val", "test")] == [162_770, 19_867, 19_962]
    assert spec.label == "celeba-64px"
    assert CelebA(128, ("Smiling", "Young")).label == "celeba-Smiling-Young-128px"
    most = CelebA(task_names=ATTRIBUTES[1:], n_images=(8, 2, 3)).label
    assert most.startswith("celeba-39of40-")
    assert most.endswith("-64px-8+2+3")
    assert most != CelebA(task_names=ATTRIBUTES[:-1], n_images=(8, 2, 3)).label


def test_every_attribute_is_a_yes_or_no_with_f1_first():
    tasks = CelebA().tasks
    assert [task.name for task in tasks] == list(ATTRIBUTES)
    assert {tuple(metric.name for metric in task.metrics) for task in tasks} == {
        ("f1", "accuracy", "balanced_accuracy")
    }


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task_names": ("Smile",)}, "There is no attribute of CelebA `Smile`"),
        ({"image_size": 16}, "be at least 32"),
        ({"n_images": (3, 0, 1)}, "be three counts"),
    ],
)
def test_slips_are_refused(unchecked, fields, message):
    with pytest.raises(SpecError, match=message):
        CelebA(**fields)


def test_missing_data_names_the_command(tmp_path):
    with pytest.raises(DataError, match=r"Run `mtlray data import celeba PATH --size 64`"):
        CelebA().prepare(tmp_path)
