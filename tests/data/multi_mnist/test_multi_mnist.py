"""Multi-MNIST: what is in it, bit by bit, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from mtlray.data import MultiMNIST, subset
from mtlray.data.files import prepared
from mtlray.data.multi_mnist.digits import SOURCES, Digits
from mtlray.data.multi_mnist.layouts import LAYOUTS
from mtlray.data.multi_mnist.official import FASHION, MNIST
from mtlray.errors import SpecError
from mtlray.identity.codec import encode

MNIST5K = {
    "sener": "952af2eadebe16a8",
    "corner8": "4ce1dddbfec387c8",
    "corner_jitter": "7a99f69f3506427f",
    "lr_jitter": "7dca25bcfd0de55f",
    "sabour": "a1f6f847d4d7eed1",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_of_every_layout_are_the_known_ones(layout, data_root):
    assert MultiMNIST(source="mnist5k", layout=layout).prepare(data_root) == MNIST5K[layout]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"val_digits": 200}, "90fdc4c08e93f346"),
        ({"image_size": 28}, "d1420be0b845b492"),
        ({"data_seed": 1}, "41a51a5209039ee3"),
        ({"task_names": ("left", "reconstruct"), "reconstruction_scale": 2.0}, MNIST5K["sener"]),
        ({"reconstruction_target": "picture"}, MNIST5K["sener"]),
        ({"reconstruction_target": "centred"}, "a1082c8c20de01f3"),
    ],
    ids=str,
)
def test_arrays_depend_on_what_makes_them_and_on_nothing_else(arguments, expected, data_root):
    assert MultiMNIST(source="mnist5k", **arguments).prepare(data_root) == expected


def test_official_mnist_gives_the_published_arrays(mnist_files, tmp_path):
    MNIST.bring(mnist_files, tmp_path)
    spec = MultiMNIST()
    assert spec.prepare(tmp_path) == "deaa7bf4e4e13262"
    dataset = spec.load(tmp_path)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 60_000, "val": 0, "test": 10_000}


def test_sizes_are_known_without_the_data(digits, digits_spec):
    assert {name: len(split) for name, split in digits.splits.items()} == {"train": 3_800, "val": 200, "test": 1_000}
    for name, split in digits.splits.items():
        assert digits_spec.n_examples(name) == len(split)
    assert [MultiMNIST(val_digits=5_000).n_examples(split) for split in ("train", "val", "test")] == [
        55_000,
        5_000,
        10_000,
    ]


def test_examples_decode_to_pixels_and_classes(digits, digits_spec):
    split = digits.splits["test"]
    indices = torch.tensor([[0, 5], [7, 7]])
    inputs = split.inputs.gather(indices, torch.float32)
    assert inputs.shape == (2, 2, *digits_spec.input_shape)
    assert (inputs.min().item(), inputs.max().item()) == (0.0, 1.0)
    torch.testing.assert_close(inputs[0, 1], split.inputs.values[5].float() / 255)
    labels = split.targets["left"].gather(indices, torch.float32)
    assert labels.dtype == torch.int64
    assert labels[1].tolist() == [split.targets["left"].values[7].item()] * 2
    right = split.targets["reconstruct"].gather(indices, torch.float64)
    assert right.shape == (2, 2, 36, 36)
    assert (right[0, 0] <= inputs[0, 0, 0].double() + 1e-6).all(), "the right digit is part of the picture"


@pytest.fixture
def numbered(monkeypatch):
    """A source of 120 digits whose brightness is their number."""

    def read(root):
        del root
        images = np.broadcast_to(np.arange(1, 121, dtype=np.uint8)[:, None, None], (120, 28, 28))
        everything = Digits(images, np.arange(120, dtype=np.uint8) % 10)
        return everything.take(np.arange(100)), everything.take(np.arange(100, 120))

    source = dataclasses.replace(SOURCES["mnist5k"], n_train=100, n_test=20, read=read)
    monkeypatch.setattr("mtlray.data.multi_mnist.spec.SOURCES", {"mnist5k": source})


@pytest.mark.usefixtures("numbered")
def test_no_source_digit_is_in_two_splits(tmp_path):
    spec = MultiMNIST(source="mnist5k", val_digits=30)
    spec.prepare(tmp_path)
    arrays, _ = prepared.load(next((tmp_path / "prepared").glob("multi*")))
    first = {split: arrays[f"{split}-images"][:, 0, 0].tolist() for split in ("train", "val", "test")}
    second = {split: arrays[f"{split}-right"].flatten(1).amax(1).tolist() for split in ("train", "val", "test")}
    assert sorted(first["train"] + first["val"]) == list(range(1, 101)), "each digit is first once"
    assert first["test"] == list(range(101, 121))
    assert len(first["val"]) == 30
    for split in first:
        assert set(second[split]) <= set(first[split]), "partners come from the same split"


def test_no_right_digit_of_the_real_data_is_in_two_splits(digits):
    members = {
        split: {image.tobytes() for image in examples.targets["reconstruct"].values.numpy()}
        for split, examples in digits.splits.items()
    }
    assert not members["train"] & members["val"]
    assert not members["train"] & members["test"]
    assert not members["val"] & members["test"]


def test_data_seed_draws_other_validation_digits(numbered, tmp_path):
    firsts = []
    for seed in (0, 1):
        spec = MultiMNIST(source="mnist5k", val_digits=30, data_seed=seed)
        spec.prepare(tmp_path)
        firsts.append(spec.load(tmp_path).splits["val"].inputs.values[:, 0, 0, 0].tolist())
    assert firsts[0] != firsts[1]


def test_subsets_are_nested_and_drawn_by_the_seed():
    tenth, quarter, all_ = (subset(1_000, fraction, 3).tolist() for fraction in (0.1, 0.25, 1.0))
    assert (len(tenth), len(quarter), len(all_)) == (100, 250, 1_000)
    assert quarter[:100] == tenth
    assert all_[:250] == quarter
    assert sorted(all_) == list(range(1_000))
    assert subset(1_000, 0.1, 4).tolist() != tenth
    assert len(subset(1_000, 1e-9, 0)) == 1


def test_tasks_declare_what_others_need():
    left, reconstruct = MultiMNIST(task_names=("left", "reconstruct")).tasks
    assert (left.likelihood, left.output_shape) == ("categorical", (10,))
    assert (reconstruct.likelihood, reconstruct.output_shape) == ("gaussian", (36, 36))
    assert [left.metrics[0].name, reconstruct.metrics[0].name] == ["accuracy", "mse"]


@pytest.mark.parametrize("layout", ["sener", "sabour"])
def test_what_is_to_be_recovered(layout, data_root):
    """The same pairs, and of each the right digit at its place, the same on its own canvas, or the whole picture."""
    recovered = {}
    for target in ("placed", "centred", "picture"):
        spec = MultiMNIST(
            source="mnist5k", layout=layout, task_names=("left", "reconstruct"), reconstruction_target=target
        )
        spec.prepare(data_root)
        split = spec.load(data_root).splits["test"]
        recovered[target] = split.targets["reconstruct"].values
        assert recovered[target].shape[1:] == spec.tasks[1].output_shape
    assert torch.equal(recovered["picture"], split.inputs.values[:, 0])
    for placed, centred in zip(recovered["placed"], recovered["centred"], strict=True):
        windows = placed.unfold(0, 28, 1).unfold(1, 28, 1)
        assert any(torch.equal(window, centred) for row in windows for window in row)
    if layout == "sener":
        assert torch.equal(recovered["placed"][:, 6:34, 6:34], recovered["centred"])


def test_the_target_of_before_is_left_out_of_the_identity():
    assert "reconstruction_target" not in encode(MultiMNIST())
    assert encode(MultiMNIST(reconstruction_target="picture"))["reconstruction_target"] == "picture"


def test_reconstruction_scale_multiplies_the_loss_alone():
    prediction, target = torch.full((1, 2, 36, 36), 0.5), torch.zeros(1, 2, 36, 36)
    for scale in (1.0, 20.0):
        (task,) = MultiMNIST(task_names=("reconstruct",), reconstruction_scale=scale).tasks
        assert task.loss(prediction, target).item() == pytest.approx(0.25 * scale)
        metric = task.metrics[0]
        totals = metric.update(metric.init(1, torch.device("cpu")), prediction, target)
        assert metric.compute(totals).item() == pytest.approx(0.25)


def test_labels_tell_data_sets_apart():
    changes = [
        {},
        {"source": "mnist5k"},
        {"layout": "sabour"},
        {"task_names": ("left",)},
        {"task_names": ("right", "left")},
        {"val_digits": 100},
        {"image_size": 28},
        {"reconstruction_scale": 2.0},
        {"data_seed": 1},
        {"reconstruction_target": "centred"},
        {"reconstruction_target": "picture"},
    ]
    labels = [MultiMNIST(**change).label for change in changes]
    assert len(set(labels)) == len(labels)
    assert labels[0] == "multi_mnist-left-right"
    assert {field.name for field in dataclasses.fields(MultiMNIST)} == {name for change in changes for name in change}


def test_a_stand_in_does_not_look_like_the_real_thing():
    assert "NOT the full MNIST" in MultiMNIST(source="mnist5k").origin
    assert "NOT" not in MultiMNIST().origin


@pytest.mark.usefixtures("unchecked")
def test_lists_and_numpys_integers_are_taken():
    spec = MultiMNIST(task_names=["left", "right"], val_digits=np.int64(500))
    assert spec == MultiMNIST(val_digits=500)
    assert hash(spec) == hash(MultiMNIST(val_digits=500))
    assert type(spec.val_digits) is int
    assert MultiMNIST(task_names="left") == MultiMNIST(task_names=("left",))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"source": "mnist5"},
            "There is no source of Multi-MNIST digits `mnist5`. Did you mean `mnist5k`? "
            "Valid names: fashion, fashion+mnist, mnist, mnist5k.",
        ),
        (
            {"layout": "senner"},
            "There is no Multi-MNIST layout `senner`. Did you mean `sener`? "
            "Valid names: corner8, corner_jitter, lr_jitter, sabour, sener.",
        ),
        (
            {"task_names": ("left", "up")},
            "There is no Multi-MNIST task `up`. Valid names: left, reconstruct, right.",
        ),
        (
            {"task_names": ("left", "left")},
            "Parameter `task_names` should name each task once. Found `task_names = ('left', 'left')`.",
        ),
        (
            {"val_digits": 1},
            "Parameter `val_digits` should be 0, or from 2 to 59998 of mnist's training digits. Found `val_digits = 1`.",
        ),
        ({"val_digits": 500.0}, "Parameter `val_digits` should be an integer. Found `val_digits = 500.0`."),
        ({"data_seed": "1"}, "Parameter `data_seed` should be an integer. Found `data_seed = '1'`."),
        ({"image_size": 28.0}, "Parameter `image_size` should be an integer. Found `image_size = 28.0`."),
        ({"task_names": 3}, "Parameter `task_names` should be a tuple of names. Found `task_names = 3`."),
        ({"image_size": 32}, "Parameter `image_size` should be 36 or 28. Found `image_size = 32`."),
        (
            {"reconstruction_scale": 0.0},
            "Parameter `reconstruction_scale` should be positive. Found `reconstruction_scale = 0.0`.",
        ),
        (
            {"reconstruction_target": "left"},
            'Parameter `reconstruction_target` should be one of "placed", "centred", "picture". '
            "Found `reconstruction_target = left`.",
        ),
    ],
    ids=str,
)
def test_refuses(arguments, message):
    with pytest.raises(SpecError) as caught:
        MultiMNIST(**arguments)
    assert str(caught.value) == message


@pytest.fixture
def collections(numbered, monkeypatch):
    """Digits numbered from 1 to 120 on the left, garments of twice that brightness and of the next class on the right."""
    from mtlray.data.multi_mnist import spec

    digits = spec.SOURCES["mnist5k"]

    def read(root):
        return tuple(Digits(2 * part.images, (part.labels + 1) % 10) for part in digits.read(root))

    both = {"mnist": digits, "fashion": dataclasses.replace(digits, origin="garments", read=read)}
    monkeypatch.setattr("mtlray.data.multi_mnist.spec.SOURCES", both)


@pytest.mark.usefixtures("collections")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_digit_on_the_left_and_a_garment_on_the_right(layout, tmp_path):
    spec = MultiMNIST("fashion+mnist", layout, ("left", "right", "reconstruct"), val_digits=30)
    assert spec.label.endswith("fashion_and_mnist-val30")
    assert spec.origin.endswith(" and garments")
    spec.prepare(tmp_path)
    splits = spec.load(tmp_path).splits
    seen = {}
    for split, examples in splits.items():
        garments = examples.targets["reconstruct"].values.flatten(1).amax(1)
        left, right = (examples.targets[name].values.tolist() for name in ("left", "right"))
        assert not (garments % 2).any()
        assert right == ((garments // 2 - 1) % 10 + 1).remainder(10).tolist()
        seen[split] = set((garments // 2).tolist())
        assert len(left) == spec.n_examples(split)
    assert not seen["train"] & seen["val"], "garments are held out, too"
    lefts = [row for split in ("train", "val") for row in splits[split].targets["left"].values.tolist()]
    assert np.bincount(lefts).tolist() == [10] * 10, "each digit is the left one once"


@pytest.mark.usefixtures("collections")
def test_garments_in_the_place_of_digits(tmp_path):
    spec = MultiMNIST("fashion")
    spec.prepare(tmp_path)
    train = spec.load(tmp_path).splits["train"]
    corners = train.inputs.values[:, 0, 0, 0]
    assert corners.tolist() == [2 * i for i in range(1, 101)]
    assert train.targets["left"].values.tolist() == [(i + 1) % 10 for i in range(100)]


def test_the_identity_of_digits_is_that_of_before():
    assert encode(MultiMNIST())["source"] == "mnist"
    assert MultiMNIST().folders(Path())[0].name == "multi_mnist-sener-mnist-0bbbc2bb"
    assert MultiMNIST("fashion+mnist").folders(Path())[0].name.startswith("multi_mnist-sener-fashion_and_mnist-")
    assert MultiMNIST("fashion+mnist").n_examples("train") == 60_000


def test_the_published_garments(fashion_files, mnist_files, tmp_path):
    FASHION.bring(fashion_files, tmp_path)
    MNIST.bring(mnist_files, tmp_path)
    train, test = SOURCES["fashion"].read(tmp_path)
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.labels[:5].tolist() == [9, 0, 0, 3, 0]
    assert np.bincount(test.labels).tolist() == [1000] * 10
    assert train.images.mean() / 255 == pytest.approx(0.2860, abs=1e-4)
    spec = MultiMNIST("fashion+mnist", val_digits=1000)
    arrays = spec.unstored(tmp_path).splits
    assert np.bincount(torch.cat([arrays[s].targets["left"].values for s in ("train", "val")])).tolist()[:2] == [
        5923,
        6742,
    ]
