"""Multi-MNIST: what is in it, bit by bit, and what is refused."""

import numpy as np
import pytest
import torch

from mtlray.data import MultiMNIST, digits, prepared, subset
from mtlray.data.layouts import LAYOUTS
from mtlray.errors import SpecError

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
    ],
    ids=str,
)
def test_arrays_depend_on_what_makes_them_and_on_nothing_else(arguments, expected, data_root):
    assert MultiMNIST(source="mnist5k", **arguments).prepare(data_root) == expected


def test_official_mnist_gives_the_published_arrays(mnist_files, tmp_path):
    digits.import_mnist(mnist_files, tmp_path)
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


def test_validation_digits_are_in_no_training_pair(digits):
    """At the level of the source: top left corners of pairs show 6 rows and columns of their first digits alone."""
    train, test = digits_of("mnist5k")
    everything = {image.tobytes(): i for i, image in enumerate(np.concatenate([train.images, test.images]))}
    members = {}
    for split, examples in digits.splits.items():
        right = examples.targets["reconstruct"].values.numpy()[:, 6:34, 6:34]
        members[split] = {everything[np.ascontiguousarray(image).tobytes()] for image in right}
    assert not members["train"] & members["val"]
    assert not members["train"] & members["test"]
    assert not members["val"] & members["test"]
    assert len(members["val"]) > 100

    # The first members: the strip of a pair that the second digit does not cover.
    strips = {}
    for split, examples in digits.splits.items():
        pictures = examples.inputs.values.numpy()[:, 0]
        strips[split] = [picture[:28, :28] for picture in pictures]
    images = np.concatenate([train.images, test.images])
    labels = np.concatenate([train.labels, test.labels])
    firsts = {split: set(owners(pictures, images)) for split, pictures in strips.items() if split != "train"}
    assert not firsts["val"] & members["train"]
    assert len(labels) == len(images)


def digits_of(source):
    return digits.SOURCES[source].read(None)


def owners(pictures, images):
    """The one digit whose pixels lie under each picture: nowhere brighter, and equal where the other digit is not."""
    for picture in pictures:
        equal = (images[:, :6] == picture[:6]).all(axis=(1, 2)) & (images[:, :, :6] == picture[:, :6]).all(axis=(1, 2))
        yield from np.flatnonzero(equal & (images <= picture).all(axis=(1, 2)))
