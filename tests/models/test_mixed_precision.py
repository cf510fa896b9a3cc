"""Automatic mixed precision: it is torch's, only products are in bfloat16, and a trial says that it ran so."""

import dataclasses

import pytest
import torch

from mtlray import SGD, VGG, Equal, LeNet, MultiMNIST, PCGrad, SegNet, TrialSpec
from mtlray.data import Column, Dataset, Examples
from mtlray.data.faces import UTKFace
from mtlray.data.nyuv2 import NYUv2
from mtlray.models import Computation, Networks
from mtlray.strategies import MGDAUB
from mtlray.training.loop import train

CPU = torch.device("cpu")
FACES, NYU = UTKFace(image_size=32, n_images=(2, 2)), NYUv2(source="mat", downscale=8)
DIGITS = MultiMNIST(source="mnist5k", val_digits=200)


def networks(model, dataset, *, autocast, seeds=(0,)):
    precision = "bf16" if autocast else "float32"
    return Networks(model, dataset.input_shape, dataset.tasks, seeds, Computation(CPU), precision)


@pytest.mark.parametrize(
    ("model", "dataset"),
    [(VGG("small"), FACES), (SegNet("tiny"), NYU), (LeNet(), DIGITS)],
    ids=lambda value: value.label,
)
def test_it_is_torch_s_autocast(model, dataset):
    inputs = torch.rand(1, 2, *dataset.input_shape, generator=torch.Generator().manual_seed(0))
    mixed, full = networks(model, dataset, autocast=True), networks(model, dataset, autocast=False)
    assert mixed.kernel == "torch", "the compiled kernel knows no bfloat16"
    network = mixed._network.eval()
    with torch.autocast("cpu", torch.bfloat16):
        expected = network(inputs[0].contiguous(memory_format=torch.channels_last))
    for found, theirs, exact in zip(mixed.predict(inputs), expected, full.predict(inputs), strict=True):
        assert found.dtype == torch.float32
        assert torch.equal(found[0], theirs.float())
        assert not torch.equal(found, exact)


def test_gradients_are_in_float32_and_near():
    inputs = torch.rand(1, 16, 1, 36, 36, generator=torch.Generator().manual_seed(0))
    targets = [torch.arange(16).unsqueeze(0) % 10] * 2
    gradients = []
    for autocast in (False, True):
        made = networks(LeNet(), DIGITS, autocast=autocast)
        losses = made.losses(inputs, targets, 0)
        assert losses.values.dtype == torch.float32
        losses.values.sum().backward()
        assert {p.grad.dtype for p in made.parameters.values()} == {torch.float32}
        gradients.append(torch.cat([p.grad.flatten() for p in made.parameters.values()]))
    assert torch.cosine_similarity(*gradients, dim=0) > 0.99


def test_a_pack_is_what_its_trials_are_alone():
    inputs = torch.rand(2, 4, 1, 36, 36, generator=torch.Generator().manual_seed(0))
    together = networks(LeNet(), DIGITS, autocast=True, seeds=(3, 5)).predict(inputs)
    for i, seed in enumerate((3, 5)):
        alone = networks(LeNet(), DIGITS, autocast=True, seeds=(seed,)).predict(inputs[i : i + 1])
        for mine, theirs in zip(together, alone, strict=True):
            torch.testing.assert_close(mine[i : i + 1], theirs, rtol=0.02, atol=0.005)


@pytest.fixture(scope="module")
def few(digits):
    """The training digits, and a hundred of them to evaluate on."""
    train = digits.splits["train"]

    def cut(column):
        return Column(column.values[:100], column.kind, column.scale)

    test = Examples(cut(train.inputs), {name: cut(column) for name, column in train.targets.items()})
    return Dataset({"train": train, "val": test, "test": test}, "few")


@pytest.mark.parametrize("strategy", [Equal(), PCGrad(), MGDAUB()], ids=lambda s: s.key)
def test_trials_train_and_repeat_bit_for_bit(strategy, few):
    spec = TrialSpec(
        dataset=DIGITS,
        model=LeNet(),
        strategy=strategy,
        optimizer=SGD(lr=0.02, momentum=0.9),
        fraction=0.25,
        steps=60,
        batch_size=32,
        evaluate_every=30,
        precision="bf16",
    )
    assert spec.trial_id != dataclasses.replace(spec, precision="float32").trial_id

    def losses():
        (outcome,) = train(
            [spec],
            few,
            Computation(CPU),
            checkpoints=[None],
            checkpoint_seconds=1e9,
            save=lambda c: None,
            progress=lambda s: None,
        )
        assert (outcome.state, outcome.kernel) == ("done", "torch")
        return [row["test/left/loss"] for row in outcome.rows]

    first = losses()
    assert first[-1] < first[0]
    assert losses() == first
