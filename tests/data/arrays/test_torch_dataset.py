"""Map-style data sets of PyTorch: forms of an item, given and drawn splits, pictures, identity, and what is refused."""

import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from mtlray import ArrayDataset, TokenShape, TorchDataset, binary, classification, regression
from mtlray.errors import DataError, SpecError
from mtlray.identity.codec import canonical_json

KIND, BIG = classification("kind", classes=3), binary("big")


class Items(torch.utils.data.Dataset):
    """Items that a function of their number gives."""

    def __init__(self, item, n=30):
        self.item, self.n = item, n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return self.item(i)


def x(i):
    return torch.tensor([float(i), float(i % 5)])


def pairs(i):
    return x(i), i % 3


def function():
    return Items(pairs)


def made(source, tasks=(KIND,), **settings):
    return TorchDataset(name="mine", source=source, tasks=tasks, **settings)


def read(dataset, root, split="train"):
    mark = dataset.prepare(root)
    loaded = dataset.load(root)
    assert loaded.fingerprint == mark
    found = loaded.splits[split]
    assert len(found) == dataset.n_examples(split)
    rows = torch.arange(len(found))[None]
    return found.inputs.gather(rows, torch.float64)[0], {
        name: column.gather(rows, torch.float64)[0].tolist() for name, column in found.targets.items()
    }


FORMS = {
    "a label": (lambda i: (x(i), i % 3), (KIND,)),
    "a label for each task": (lambda i: (x(i), i % 3, i > 9), (KIND, BIG)),
    "a sequence of labels": (lambda i: (x(i), [i % 3, int(i > 9)]), (KIND, BIG)),
    "a tensor of labels": (lambda i: (x(i), torch.tensor([i % 3, int(i > 9)])), (KIND, BIG)),
    "a dict of labels": (lambda i: (x(i), {"big": i > 9, "kind": i % 3, "more": 0}), (KIND, BIG)),
    "a dict": (lambda i: {"kind": i % 3, "big": i > 9, "a": float(i), "b": float(i % 5)}, (KIND, BIG)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_item_gives_the_same_data(form, tmp_path):
    item, tasks = FORMS[form]
    table = {"x": np.stack([x(i) for i in range(30)]), "kind": np.arange(30) % 3, "big": np.arange(30) > 9}
    same = ArrayDataset(name="mine", source=lambda: table, tasks=tasks)
    expected, labels = read(same, tmp_path / "array")
    found, found_labels = read(made(Items(item), tasks), tmp_path / "torch")
    torch.testing.assert_close(found, expected)
    assert found_labels == labels


def test_given_splits_are_kept_and_the_others_drawn_from_training(tmp_path):
    of_test = Items(lambda i: (x(100 + i), i % 3), 7)
    dataset = made({"train": Items(pairs), "test": of_test}, val=0.2, standardize=False)
    assert {split: dataset.n_examples(split) for split in ("train", "val", "test")} == {
        "train": 24,
        "val": 6,
        "test": 7,
    }
    assert read(dataset, tmp_path, "test")[0][:, 0].tolist() == [*range(100, 107)]
    drawn = [int(row[0]) for split in ("train", "val") for row in read(dataset, tmp_path, split)[0]]
    assert sorted(drawn) == [*range(30)]
    whole = made({"train": Items(pairs), "validation": Items(pairs, 4), "test": of_test})
    assert [whole.n_examples(split) for split in ("train", "val", "test")] == [30, 4, 7]


def test_groups_stay_together():
    dataset = made(Items(lambda i: {"x": x(i), "kind": i % 3, "who": f"person {i // 5}"}), group="who", val=5, test=5)
    of_group = [set((rows // 5).tolist()) for rows in dataset._rows.values()]
    assert sum(map(len, of_group)) == 6


def test_pictures_become_images(tmp_path):
    def picture(i, size=(5, 4)):
        return Image.new("RGB", size, (i, 2 * i, 3 * i)), i % 3

    dataset = made(Items(picture), val=0, test=3)
    assert dataset.input_shape == (3, 4, 5)
    values, _ = read(dataset, tmp_path)
    i = int(dataset._rows["train"][0])
    torch.testing.assert_close(values[0, :, 0, 0] * 255, torch.tensor([i, 2 * i, 3 * i], dtype=torch.float64))
    assert made(Items(lambda i: (Image.new("L", (5, 4)), 0))).input_shape == (1, 4, 5)
    assert made(Items(lambda i: (Image.new("P", (5, 4)), 0))).input_shape == (3, 4, 5)
    with pytest.raises(
        DataError, match=r"one shape in all items. Found 3x4x5 and 3x4x6. Give .* transform that resizes"
    ):
        made(Items(lambda i: picture(i, (5 + i % 2, 4))))


def test_a_data_set_of_torchvision(mnist_files, tmp_path):
    from torchvision.datasets import MNIST

    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in mnist_files.iterdir():
        (raw / file.name).symlink_to(file)
    parts = {"test": MNIST(tmp_path, train=False, download=True)}
    digits = torch.utils.data.Subset(parts["test"], range(200))
    dataset = made({"train": digits, "test": digits}, (classification("digit", classes=10),))
    assert dataset.input_shape == (1, 28, 28)
    values, labels = read(dataset, tmp_path, "test")
    torch.testing.assert_close(values[:, 0], parts["test"].data[:200].double() / 255)
    assert labels["digit"] == parts["test"].targets[:200].tolist()


def test_texts_and_numbers_of_unequal_length():
    words = made(Items(lambda i: {"x": "a b" if i % 2 else "c", "kind": i % 3}), tokens="words")
    assert words.input_shape == TokenShape(2, vocabulary=5)
    numbers = made(Items(lambda i: (list(range(1, 2 + i % 4)), i % 3)), tokens="ids")
    assert numbers.input_shape == TokenShape(4, vocabulary=6)


def test_what_the_items_hold_is_the_identity():
    first = canonical_json(made(function))
    assert first == canonical_json(made(Items(pairs))) == canonical_json(made({"train": Items(pairs)}))
    others = [
        made(Items(lambda i: (x(i) + (i == 3) * 1e-6, i % 3))),
        made({"train": Items(pairs, 20), "test": Items(lambda i: pairs(20 + i), 10)}),
        made(function, data_seed=1),
    ]
    assert len({first, *map(canonical_json, others)}) == 4
    assert "Items" in made(function).origin


@pytest.mark.parametrize("source", [function, Items(pairs)])
def test_a_worker_needs_the_prepared_arrays_alone(source, tmp_path):
    dataset = made(source)
    dataset.prepare(tmp_path)
    there = pickle.loads(pickle.dumps(dataset))
    assert (there.input_shape, there.origin, there == dataset) == ((2,), dataset.origin, True)
    assert len(there.load(tmp_path).splits["train"]) == 21
    if source is function:
        assert there.prepare(tmp_path / "another machine") == dataset.prepare(tmp_path)
    else:
        with pytest.raises(DataError, match=r"a data set in memory is not sent there. Give its `source` as a function"):
            there.prepare(tmp_path / "another machine")


def test_items_that_change_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"Found another `x` in item 0 of train. Leave random transforms out"):
        made(Items(lambda i: (rng.normal(size=3), i % 3)))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("source", "tasks", "error", "match"),
    [
        (Items(lambda i: (x(i), 0, 1, 2)), (KIND, BIG), SpecError, "a label for each of kind, big. Found a tuple of 4"),
        (Items(lambda i: x(i)), (KIND,), SpecError, "Found a Tensor. Wrap the data set"),
        (Items(lambda i: {"x": x(i), "kin": 0}), (KIND,), DataError, "Did you mean `kin`"),
        (
            Items(lambda i: {"x": 0, "kind": 0} if i else {"kind": 0}),
            (KIND,),
            DataError,
            "Found x, kind in item 1 of train",
        ),
        (
            {"train": Items(pairs), "eval": Items(pairs)},
            (KIND,),
            SpecError,
            "train, val and test. Found one named `eval`",
        ),
        ({"test": Items(pairs)}, (KIND,), SpecError, "should have a data set for train. Found test"),
        (iter([1]), (KIND,), SpecError, "with `__len__` and `__getitem__`, .* Found .*iterator for train"),
        (Items(lambda i: (x(i), 7)), (KIND,), DataError, "classes from 0 to 2"),
        (Items(pairs), (regression("kind", outputs=2),), DataError, r"labels of shape \[2\]"),
    ],
)
def test_bad_items_are_refused(source, tasks, error, match, tmp_path):
    with pytest.raises(error, match=match):
        made(source, tasks).prepare(tmp_path)
