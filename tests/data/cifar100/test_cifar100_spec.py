"""CIFAR-100 as a spec: classes and superclasses, tasks derived from the pictures, twenty tasks with pictures of their own."""

import dataclasses

import cifar
import numpy as np
import pytest
import torch
from torchvision.transforms import functional as F

from mtlray.data import CIFAR100, CIFAR100BySuperclass
from mtlray.data.cifar100.alterations import alteration_of, jittered, quarter_of
from mtlray.data.cifar100.archive import SUPERCLASSES
from mtlray.data.cifar100.pictures import shifted_and_mirrored
from mtlray.errors import DataError, SpecError
from mtlray.models import MLP, Computation
from mtlray.randomness import generator, numpy_generator
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import Equal
from mtlray.training.loop import train


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    made = tmp_path_factory.mktemp("data")
    cifar.stored(made)
    return made


def rows_of(examples):
    return torch.arange(len(examples.inputs.values)) if examples.rows is None else examples.rows


def test_sizes_and_names_are_known_without_the_data():
    spec = CIFAR100(val_images=5000, augment_training=True, data_seed=1)
    assert [spec.n_examples(split) for split in ("train", "val", "test")] == [45_000, 5_000, 10_000]
    assert spec.label == "cifar100-augmented-val5000-data1"
    assert CIFAR100(("coarse", "random_4")).label == "cifar100-coarse-random_4"
    assert CIFAR100(("fine", "upside_down")).origin.endswith("every third jittered and every third upside down")
    twenty = CIFAR100BySuperclass(val_images=250)
    assert [twenty.n_examples(split) for split in ("train", "val", "test")] == [45_000, 5_000, 10_000]
    assert twenty.label == "cifar100_by_superclass-val250"
    assert len(twenty.tasks) == 20
    assert CIFAR100BySuperclass(task_names=SUPERCLASSES[:19]).label.startswith("cifar100_by_superclass-19of20-")


def test_classes_and_superclasses_of_each_picture(root):
    dataset = cifar.SMALL.load(root)
    expected = cifar.files()
    for split, part in (("train", "train"), ("val", "train"), ("test", "test")):
        examples = dataset.splits[split]
        rows = rows_of(examples)
        for name in ("fine", "coarse"):
            assert (
                examples.targets[name].values[rows].tolist()
                == np.array(expected[part][f"{name}_labels"])[rows].tolist()
            )
    held, trained = (set(rows_of(dataset.splits[split]).tolist()) for split in ("val", "train"))
    assert (len(held), held | trained, held & trained) == (20, set(range(200)), set())


def test_every_third_picture_is_jittered_and_every_third_upside_down(root):
    assert cifar.ALTERED.prepare(root) == cifar.ALTERED.prepare(root)
    dataset = cifar.ALTERED.load(root)
    rng = numpy_generator(0, "cifar100 colours train")
    plain = cifar.SMALL.load(root).splits["train"].inputs.values
    examples = dataset.splits["train"]
    for i in range(len(plain)):
        kind = int(examples.targets["alteration"].values[i])
        expected = {0: plain[i], 1: None, 2: plain[i].flip(-2)}[kind]
        if kind == 1:
            expected = jittered(plain[i], rng)
            assert (expected != plain[i]).any()
        assert torch.equal(examples.inputs.values[i], expected)
        assert kind == i % 3
        asked = [int(examples.targets[name].values[i]) for name in ("colour_jitter", "upside_down")]
        assert asked == [int(kind == 1), int(kind == 2)]
    assert examples.targets["coarse"].values.tolist() == cifar.files()["train"]["coarse_labels"]


def test_colours_are_changed_as_torchvision_changes_them():
    picture = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    rng = numpy_generator(0, "x")
    amounts = [rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.5), rng.uniform(0.1, 1.9), rng.uniform(-0.5, 0.5)]
    expected = picture / 255
    for i in rng.permutation(4):
        change = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)[i]
        expected = change(expected, amounts[i])
    assert torch.equal(jittered(picture, numpy_generator(0, "x")), (expected * 255).round().to(torch.uint8))


def test_random_4_is_the_quarter_of_a_block_as_their_code_counts_it():
    for part, block in (("train", 500), ("test", 100)):
        found = quarter_of(2 * block, part).tolist()
        assert found == 2 * [1 + 4 * k // block if 4 * k < 3 * block else 0 for k in range(block)]
    # Nothing else that is asked of a picture says it.
    table = np.histogram2d(alteration_of(50_000).numpy(), quarter_of(50_000, "train").numpy(), (3, 4))[0]
    assert np.ptp(table) <= 2


def test_twenty_tasks_have_pictures_of_their_own(root):
    spec = cifar.TWENTY
    dataset = spec.load(root)
    assert dict(spec.own_examples) == dict.fromkeys(SUPERCLASSES, 8)
    expected = cifar.files()
    for split, part, n in (("train", "train", 8), ("val", "train", 2), ("test", "test", 5)):
        examples = dataset.splits[split]
        rows = rows_of(examples)
        labels = torch.stack([examples.targets[name].values[rows] for name in SUPERCLASSES], dim=1)
        assert ((labels >= 0).sum(dim=0) == n).all()
        assert ((labels >= 0).sum(dim=1) == 1).all()
        for row, of_tasks in zip(rows.tolist(), labels.tolist(), strict=True):
            fine = expected[part]["fine_labels"][row]
            assert of_tasks[fine % 20] == fine // 20  # the classes of a superclass in their order
    rows = [set(rows_of(dataset.splits[split]).tolist()) for split in ("train", "val")]
    assert rows[0] | rows[1] == set(range(200))
    few = CIFAR100BySuperclass(("fish", "people"), n_images=cifar.SIZES).load(root)
    assert [len(few.splits[split]) for split in ("train", "val", "test")] == [20, 0, 10]


def test_a_trial_on_tasks_with_pictures_of_their_own(root):
    spec = CIFAR100BySuperclass(("fish", "people", "trees"), n_images=cifar.SIZES, val_images=2, augment_training=True)
    trial = TrialSpec(
        dataset=spec, model=MLP(widths=(8,)), strategy=Equal(), optimizer=SGD(lr=0.1), steps=4, batch_size=4, evaluate_every=2
    )  # fmt: skip
    trials = [trial, dataclasses.replace(trial, seed=1)]
    outcomes = train(
        trials, spec.load(root), Computation(torch.device("cpu")), checkpoints=[None, None], checkpoint_seconds=1e9,
        save=lambda checkpoint: None, progress=lambda step: None,
    )  # fmt: skip
    for outcome in outcomes:
        assert len(outcome.rows) == 2
        assert 0 <= outcome.rows[-1]["test/fish/accuracy"] <= 100  # per cent


def test_pictures_are_shifted_and_mirrored():
    pictures = torch.arange(1, 2 * 3 * 2 * 32 * 32 + 1, dtype=torch.float64).reshape(2, 3, 2, 32, 32)
    found = shifted_and_mirrored(pictures, [generator(seed, "augment") for seed in (0, 1)])
    for seed in (0, 1):
        rng = generator(seed, "augment")
        shifts, mirrored = torch.randint(9, (2, 3), generator=rng), torch.rand(3, generator=rng) < 0.5
        for i in range(3):
            padded = torch.nn.functional.pad(pictures[seed, i], (4, 4, 4, 4))
            top, left = shifts[:, i]
            expected = padded[:, top : top + 32, left : left + 32]
            assert torch.equal(found[seed, i], expected.flip(-1) if mirrored[i] else expected)
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: CIFAR100(("fine", "finer")), "There is no task of CIFAR100 `finer`"),
        (lambda: CIFAR100(val_images=50_000), "be from 0 to 49999"),
        (lambda: CIFAR100(n_images=(0, 1)), "be two counts"),
        (lambda: CIFAR100BySuperclass(("cats",)), "There is no superclass of CIFAR-100 `cats`"),
        (lambda: CIFAR100BySuperclass(val_images=2500), "be from 0 to 2499"),
        (lambda: CIFAR100BySuperclass(n_images=(50, 20)), "be multiples of 20"),
    ],
)
def test_slips_are_refused(unchecked, made, message):
    with pytest.raises(SpecError, match=message):
        made()


def test_missing_and_other_data(root, tmp_path):
    for spec in (CIFAR100(), CIFAR100(("upside_down",)), CIFAR100BySuperclass()):
        with pytest.raises(
            DataError, match=r"Run `mtlray data prepare cifar100`, or `mtlray data import cifar100 PATH`"
        ):
            spec.prepare(tmp_path)
    for other in (CIFAR100(), CIFAR100BySuperclass()):
        with pytest.raises(DataError, match=r"Found 200 and 100 in .*Write `n_images=\(200, 100\)`"):
            other.load(root)
