"""Activation checkpointing: equal bits in whatever a strategy does, less kept, and the way from the option to the network."""

import dataclasses
import json
from collections import Counter
from contextlib import closing

import pandas as pd
import pytest
import torch
from stored_pictures import people, rooms
from torch import nn

import mtlray.models.activation_checkpointing as module
from mtlray.data import MultiMNIST, NYUv2, UTKFace
from mtlray.errors import SpecError
from mtlray.identity.provenance import Commit
from mtlray.models import MTAN, VGG, Computation, LeNet, Networks, NineLayerCNN, SegNet, StagedTrunk, WideResNet
from mtlray.models.activation_checkpointing import checkpoint_activations
from mtlray.running.calibration import calibrate
from mtlray.running.job import Job
from mtlray.specs import SGD, Adam, RunConfig, TrialSpec
from mtlray.strategies import MGDAUB, Equal, PCGrad, Uncertainty
from mtlray.strategies.every import every_strategy
from mtlray.training.checkpoint import Checkpoint
from mtlray.training.loop import train
from mtlray.training.run import Run
from mtlray.training.sampling import PackData

CPU = torch.device("cpu")
FACES = UTKFace(image_size=32, n_images=(2, 2))
MOMENTUM, ADAM = SGD(lr=0.05, momentum=0.9, weight_decay=1e-3), Adam(lr=1e-3)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Spec and data of rooms and of faces."""
    roots = {make: tmp_path_factory.mktemp(make.__name__) for make in (rooms, people)}
    specs = {make: make(root) for make, root in roots.items()}
    return {make: (specs[make], specs[make].load(root)) for make, root in roots.items()}


@pytest.fixture
def recomputed(monkeypatch):
    """How many stages were computed again."""
    counts, enter = Counter(), module._Recomputation.__enter__

    def counted(self):
        counts["stages"] += 1
        return enter(self)

    monkeypatch.setattr(module._Recomputation, "__enter__", counted)
    return counts


def trial_of(spec, model, **fields):
    plain = {"strategy": Equal(), "optimizer": MOMENTUM, "steps": 3, "batch_size": 3, "evaluate_every": 3}
    return TrialSpec(**{"dataset": spec, "model": model, **plain, **fields})


def numbers(saved):
    """All that a trial records and saves, in a form in which any two floats differ and nan is like nan."""
    c = saved[max(saved)]
    rows = [{k: repr(v) for k, v in row.items() if k != "train_samples_per_second"} for row in c.rows]
    parts = {"model": c.model, "meters": c.meters, **c.strategy, **c.optimizer}
    return rows, {
        f"{p}/{n}": t.contiguous().numpy().tobytes() for p, tensors in parts.items() for n, t in tensors.items()
    }


def trained(trial, dataset, recompute, checkpoint=None):
    """The checkpoints of each step."""
    saved = {}
    train(
        [trial], dataset, Computation(CPU, activation_checkpointing=recompute), checkpoints=[checkpoint],
        checkpoint_seconds=0.0, progress=lambda step: None,
        save=lambda c: saved.update({c.step: Checkpoint.from_bytes(c.to_bytes(), trial.trial_id)}),
    )  # fmt: skip
    return saved


# -- equal bits


@pytest.mark.parametrize(
    ("precision", "optimizer"),
    [("float32", MOMENTUM), ("float64", ADAM), ("bf16", MOMENTUM)],
    ids=["float32", "float64", "bf16"],
)
@pytest.mark.parametrize(
    ("make", "model", "n_stages"),
    [
        (rooms, SegNet("tiny"), 10),
        (rooms, MTAN("tiny"), 10),
        (people, VGG("small"), 3),
        (people, WideResNet(10, 1), 3),
        (people, WideResNet(10, 1, dropout=0.3), 3),
        (people, NineLayerCNN(4), 4),
    ],
    ids=["segnet", "mtan", "vgg", "wide", "wide and dropout", "nine"],
)
def test_a_trial_has_equal_bits(make, model, n_stages, precision, optimizer, pictures, recomputed):
    spec, dataset = pictures[make]
    trial = trial_of(spec, model, optimizer=optimizer, precision=precision, gradient_diagnostics=True)
    kept = numbers(trained(trial, dataset, recompute=False))
    assert not recomputed
    assert numbers(trained(trial, dataset, recompute=True)) == kept
    n_batches = 1 if make is rooms else 3
    # One backward pass in each of three steps, and one a task on each batch that the diagnostics look at.
    assert recomputed["stages"] == n_stages * (3 + n_batches * len(spec.tasks))


@pytest.mark.parametrize(
    ("strategy", "passes"), [(Uncertainty(), 1), (PCGrad(), 3), (MGDAUB(), 1)], ids=["uncertainty", "pcgrad", "mgda_ub"]
)
def test_a_stage_is_computed_again_once_a_backward_pass_through_it(strategy, passes, pictures, recomputed):
    spec, dataset = pictures[rooms]
    trial = trial_of(spec, SegNet("tiny"), strategy=strategy, steps=2)
    assert numbers(trained(trial, dataset, recompute=True)) == numbers(trained(trial, dataset, recompute=False))
    assert recomputed["stages"] == 10 * 2 * passes


@pytest.mark.parametrize("strategy", every_strategy(FACES.tasks, points=1), ids=lambda s: s.label)
def test_every_strategy_has_equal_bits(strategy, pictures, recomputed):
    spec, dataset = pictures[people]
    trial = trial_of(spec, VGG("small"), strategy=strategy, steps=2)
    assert numbers(trained(trial, dataset, recompute=True)) == numbers(trained(trial, dataset, recompute=False))
    assert recomputed


def test_a_trial_goes_on_without_what_it_began_with(pictures):
    spec, dataset = pictures[people]
    trial = trial_of(spec, VGG("small"), optimizer=ADAM, steps=4, evaluate_every=2)
    whole = numbers(trained(trial, dataset, recompute=False))
    for first, then in ((True, False), (False, True)):
        halfway = trained(trial, dataset, first)[2]
        assert numbers(trained(trial, dataset, then, halfway)) == whole


class Restless(nn.Module):
    """A buffer that takes part in the computation and changes with it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x):
        if self.training:
            self.scale.mul_(1.5)
        return x * x * self.scale


class Odd(StagedTrunk):
    """All that may differ between two computations of the same layers."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(5, 5), Restless(), nn.BatchNorm1d(5, momentum=None), nn.Dropout(0.5), nn.Linear(5, 5), nn.Tanh(),
            nn.BatchNorm1d(5, track_running_stats=False), nn.Linear(5, 2), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x):
        return self.stage(nn.Sequential.forward, self.layers, x)


def test_modes_buffers_and_random_numbers_are_those_of_the_first_time():
    torch.manual_seed(0)
    network, x = Odd(), torch.rand(8, 5)
    network.layers[2].register_buffer("unset", None)
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = []
    for recompute in (False, True):
        network.load_state_dict(start)
        network.activation_checkpointing = recompute
        torch.manual_seed(1)
        y = network.train()(x)
        buffers = dict(network.named_buffers())
        network.eval()  # as an evaluation before the backward pass
        torch.rand(3)
        gradients = [
            torch.autograd.grad(y[:, i].sum(), list(network.parameters()), retain_graph=i == 0, allow_unused=True)
            for i in (0, 1)
        ]
        assert not any(m.training for m in network.modules())
        assert all(buffer is buffers[name] for name, buffer in network.named_buffers())
        assert network.layers[1].scale == 1.5
        assert network.layers[2].num_batches_tracked == 1
        found.append([y, *buffers.values(), *(g for one in gradients for g in one), torch.rand(2)])
        found[-1] = [tensor.detach().clone() for tensor in found[-1]]
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert any(g.abs().sum() > 0 for g in found[0][-3:-1])


# -- memory


def kept_by(trunk, x):
    """Bytes of the storages that a forward pass keeps for the backward pass, without the parameters; and the gradients."""
    of_parameters = {p.untyped_storage().data_ptr() for p in trunk.parameters()}
    kept = {}

    def count(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in of_parameters:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        made = trunk(x)
    n_bytes = sum(storage.nbytes() for storage in kept.values())
    return n_bytes, torch.autograd.grad(made.square().sum(), list(trunk.parameters()))


SIDES = (32, 16, 8, 4, 2)  # of what the five stages see of an image of 32x32


def maps(*widths):
    """Numbers in maps of so many channels, each half as high and wide as the one before."""
    return sum(width * side**2 for width, side in zip(widths, SIDES, strict=False))


POOLED = maps(0, 12, 16, 24, 32) + 32  # SegNet tiny; the last one is of one pixel


@pytest.mark.parametrize(
    ("model", "tasks", "left"),
    [
        (VGG(), FACES.tasks, maps(3, 64, 128, 256, 512)),
        (VGG("small"), FACES.tasks, maps(3, 16, 32)),
        # The image, what the encoder's stages hand on, where pooling found it, in eight bytes, and what the decoder's hand on.
        (SegNet("tiny"), NYUv2(downscale=8).tasks, maps(3) + POOLED + 2 * POOLED + POOLED - 32),
    ],
    ids=["vgg-16", "vgg-small", "segnet-tiny"],
)
def test_a_trunk_keeps_the_inputs_of_its_stages_alone(model, tasks, left):
    trunk = model.build((3, 32, 32), tasks).trunk
    x = torch.rand(2, 3, 32, 32)
    without, gradients = kept_by(trunk, x)
    assert checkpoint_activations(trunk)
    found, same = kept_by(trunk, x)
    assert found == 2 * 4 * left
    assert found < 0.12 * without
    assert all(torch.equal(a, b) for a, b in zip(gradients, same, strict=True))


# -- where it does nothing, and where it cannot be


def test_lenet_has_no_stages_and_runs_as_ever(digits, recomputed):
    data = MultiMNIST(source="mnist5k", val_digits=200)
    trials = [TrialSpec(dataset=data, model=LeNet(), strategy=Equal(), optimizer=MOMENTUM, steps=2, batch_size=8)]
    trials.append(dataclasses.replace(trials[0], seed=1))
    states = []
    for recompute in (False, True):
        computation = Computation(CPU, activation_checkpointing=recompute)
        with closing(PackData(trials, digits, CPU)) as data:
            run = Run.of(trials, data, computation)
            run.advance()
        states.append(run.networks.state())
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    assert not recomputed


def test_an_evaluation_computes_nothing_twice(recomputed):
    made = networks_of((0,))
    made.predict(torch.rand(1, 2, 3, 32, 32))
    assert made._network.trunk.activation_checkpointing
    assert not recomputed


def networks_of(seeds):
    computation = Computation(CPU, activation_checkpointing=True)
    return Networks(VGG("small"), (3, 32, 32), FACES.tasks, seeds, computation)


def test_a_pack_of_several_seeds_is_refused():
    with pytest.raises(SpecError) as caught:
        networks_of((3, 4))
    assert str(caught.value) == (
        "Activation checkpointing of model vgg-small takes one network at a time. Found a pack of 2 seeds. Choose pack size 1, "
        "or run without activation checkpointing."
    )


# -- from the option to the network


def test_auto_finds_that_packs_are_of_one_and_measures_memory_with_it(tmp_path, recomputed):
    spec = people(tmp_path / "data")
    trial = trial_of(spec, VGG("small"))
    config = RunConfig(
        data=str(tmp_path / "data"),
        results=str(tmp_path),
        device="cpu",
        pack_size="auto",
        activation_checkpointing=True,
    )
    job = Job(
        sweep="s", config=config, commit=Commit("", False), fingerprints={spec.label: spec.prepare(tmp_path / "data")}
    )
    group = (trial, dataclasses.replace(trial, seed=1))
    (found,) = calibrate([group], job, probe_memory=True, memory=lambda: (recomputed["stages"], 1000))
    assert (found.size, set(found.rates)) == (1, {1})
    assert found.ended.startswith(
        "ended at 2: SpecError: Activation checkpointing of model vgg-small takes one network"
    )
    assert found.used_bytes == 1000 - 2 * 25 * 3, "three stages in each step that was measured"


SWEEP = """
from mtlray import SGD, VGG, Equal, SweepSpec, TrialSpec, UTKFace

SWEEP = SweepSpec(
    name="faces",
    question="Is it the same?",
    base=TrialSpec(
        dataset=UTKFace(image_size=32, n_images=(12, 5), val_images=3, flips="both"),
        model=VGG("small"),
        strategy=Equal(),
        optimizer=SGD(lr=0.01),
        steps=2,
        batch_size=3,
        evaluate_every=1,
    ),
    strategies=(Equal(),),
    fractions=(1.0,),
    seeds=(0,),
)
"""


def test_the_option_reaches_the_network_and_no_number(cli, tmp_path, recomputed):
    people(tmp_path / "data")
    (tmp_path / "sweep.py").write_text(SWEEP)
    options = ("run", "sweep.py", "--in-process", "--device", "cpu", "--results")
    assert cli(*options, "kept")[0] == 0
    assert not recomputed
    assert cli(*options, "again", "--activation-checkpointing")[0] == 0
    assert recomputed["stages"] == 2 * 3
    launches, curves = [], []
    for results in ("kept", "again"):
        launches.append(json.loads((tmp_path / results / "faces" / "sweep.json").read_text())["launch"])
        curves.append(pd.read_parquet(tmp_path / results / "faces" / "curves").drop(columns="train_samples_per_second"))
    assert [launch["activation_checkpointing"] for launch in launches] == [False, True]
    pd.testing.assert_frame_equal(*curves, check_exact=True)
    code, _, err = cli(*options, "packed", "--activation-checkpointing", "--pack-size", "2")
    assert (code, err.strip()) == (
        2,
        'Error: Parameter `pack_size` should be 1 or "auto" where `activation_checkpointing` is on. Found `pack_size = 2`.',
    )
