"""A trial with the compiled kernel against the same trial with torch's convolutions."""

import dataclasses

import pytest
import torch

from mtlray.data import MultiMNIST
from mtlray.models import Computation, LeNet
from mtlray.models.kernels import fused_unavailable
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies import Equal
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.loop import train
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

pytestmark = pytest.mark.skipif(fused_unavailable() is not None, reason=str(fused_unavailable()))

CPU = torch.device("cpu")
TRIAL = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=200),
    model=LeNet(),
    strategy=Equal(),
    optimizer=SGD(lr=0.005, momentum=0.9),
    fraction=0.05,
    steps=50,
    batch_size=32,
    evaluate_every=50,
)


@pytest.fixture(scope="module")
def digits28(data_root, digits_spec):
    spec = dataclasses.replace(digits_spec, image_size=28)
    spec.prepare(data_root)
    return spec.load(data_root)


def update(spec, dataset, kernel):
    """What all steps of a trial change its parameters by."""
    run = Run.of([spec], PackData([spec], dataset, CPU), Computation(CPU, kernel))
    assert run.kernel == kernel

    def flat():
        return torch.cat([p.detach().flatten() for p in run.networks.parameters.values()])

    before = flat()
    for _ in range(spec.steps):
        run.advance()
    return flat() - before


def difference(spec, dataset):
    """Between the compiled kernel and torch's, relative to what training does."""
    fused, plain = (update(spec, dataset, kernel) for kernel in ("fused", "torch"))
    return float((fused - plain).norm() / plain.norm())


# In float32 two nearly equal values of a pooling window may change places, as they do between torch in float32 and in float64.
@pytest.mark.parametrize("preset", ["A", "A28", "B", pytest.param("C", marks=pytest.mark.slow)])
@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-11), ("float32", 0.03)])
def test_the_network_is_the_same_after_50_steps(preset, precision, bound, digits, digits28):
    spec = dataclasses.replace(TRIAL, model=LeNet(preset=preset), precision=precision)
    dataset = digits
    if preset == "A28":
        spec, dataset = dataclasses.replace(spec, dataset=dataclasses.replace(spec.dataset, image_size=28)), digits28
    assert difference(spec, dataset) < bound


def test_where_no_values_change_places_only_rounding_is_left(digits):
    differences = [difference(dataclasses.replace(TRIAL, seed=seed), digits) for seed in range(3)]
    assert sorted(differences)[1] < 1e-5


def test_a_trial_that_goes_on_with_another_kernel_says_so(digits):
    spec = dataclasses.replace(TRIAL, steps=4, evaluate_every=2)
    saved = {}

    def run(checkpoint, kernel):
        (outcome,) = train(
            [spec], digits, Computation(CPU, kernel), checkpoints=[checkpoint], checkpoint_seconds=0,
            save=lambda c: saved.__setitem__(c.step, c.to_bytes()), progress=lambda step: None,
        )  # fmt: skip
        return outcome

    assert run(None, "torch").kernel == "torch"
    halfway = Checkpoint.from_bytes(saved[2], spec.trial_id)
    assert run(halfway, "torch").kernel == "torch"
    assert run(halfway, "fused").kernel == "torch, fused"
    assert run(None, "auto").kernel == "fused"


def test_mapped_networks_use_torch(digits):
    trials = [TRIAL, dataclasses.replace(TRIAL, seed=1)]
    run = Run.of(trials, PackData(trials, digits, CPU), Computation(CPU, "fused"))
    run.advance()
    assert run.kernel == "torch"
