"""Networks of torchvision as trunks: what is cut off, channels, weights from a file, randomness, and what is refused."""

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.ops import StochasticDepth

from mtlray import Backbone, ResNet, TokenShape, binary, classification
from mtlray.errors import DataError, SpecError
from mtlray.identity.codec import canonical_json
from mtlray.models.backbones.trunks import is_stochastic, trunk_of
from mtlray.models.backbones.weights import MEAN, STD

TASKS = (classification("kind", classes=5), binary("big"))
SMALL = "shufflenet_v2_x0_5"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network of torchvision and a file of its weights."""
    network = models.get_model(SMALL, weights=None).eval()
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(network.state_dict(), path)
    return network, path


def test_parameters_by_hand():
    network = ResNet().build((3, 32, 32), TASKS)
    assert sum(p.numel() for p in network.trunk.parameters()) == 11_689_512 - 512 * 1000 - 1000
    assert sum(p.numel() for p in network.heads.parameters()) == 513 * (5 + 1)
    assert isinstance(network.trunk.fc, nn.Identity)


@pytest.mark.parametrize("name", [SMALL, "squeezenet1_1", "mobilenet_v3_small", "regnet_y_400mf"])
def test_the_trunk_is_the_network_without_its_last_layer(name):
    trunk, width = trunk_of(name, (1, 64, 64), None, "")
    assert trunk.eval()(torch.rand(2, 1, 64, 64)).shape == (2, width)


@pytest.mark.slow
@pytest.mark.parametrize("name", models.list_models(module=models))
def test_every_classifier_of_torchvision_is_a_trunk(name):
    if any(size in name for size in ("vit_l", "vit_h", "128gf", "_large", "101", "152", "b7", "v2_l", "32gf")):
        pytest.skip("larger than others of its family")
    trunk, width = trunk_of(name, (3, 224, 224), None, "")
    assert trunk.eval()(torch.zeros(1, 3, 224, 224)).shape == (1, width)
    drops = (nn.Dropout, StochasticDepth)
    random = any(isinstance(m, drops) and m.p > 0 for m in trunk.modules())
    assert is_stochastic(name) == random


def test_what_draws_random_numbers_is_known():
    for name in ("alexnet", "mobilenet_v2", SMALL, "resnet18", "densenet121"):
        network = models.get_model(name, weights=None)
        random = any(isinstance(m, (nn.Dropout, StochasticDepth)) and m.p > 0 for m in network.modules())
        assert is_stochastic(name) == random, name


def test_weights_of_a_file_are_what_training_starts_from(saved):
    network, path = saved
    model = Backbone(f"torchvision:{SMALL}", weights=str(path))
    made = model.build((3, 32, 32), TASKS).eval()
    pixels = torch.rand(2, 3, 32, 32)
    network.fc = nn.Identity()
    scaled = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    torch.testing.assert_close(made.trunk(pixels), network(scaled))


def test_what_the_weights_are_is_the_identity_and_not_where_they_lie(saved, tmp_path):
    _, path = saved
    (tmp_path / "copy.pth").write_bytes(path.read_bytes())
    one, two = (Backbone(f"torchvision:{SMALL}", weights=str(p)) for p in (path, tmp_path / "copy.pth"))
    plain = Backbone(f"torchvision:{SMALL}")
    assert canonical_json(one) == canonical_json(two) != canonical_json(plain)
    assert "weights" not in canonical_json(plain)
    assert (plain.label, one.label) == (SMALL, f"{SMALL}-{one.weights_content[:8]}")
    (tmp_path / "copy.pth").write_bytes(b"other")
    with pytest.raises(DataError, match=r"They have changed since"):
        two.build((3, 32, 32), TASKS)


def test_weights_of_another_number_of_classes_fit(tmp_path):
    torch.save(models.get_model(SMALL, num_classes=7).state_dict(), tmp_path / "seven.pth")
    Backbone(f"torchvision:{SMALL}", weights=str(tmp_path / "seven.pth")).check((3, 32, 32), TASKS)


def test_weights_that_are_none_are_refused(saved, tmp_path):
    network, path = saved
    with pytest.raises(DataError, match=r"should be the file .*nowhere.pth. Found none. Download it"):
        ResNet(weights=str(tmp_path / "nowhere.pth"))
    with pytest.raises(SpecError, match=r"should be of this network. .* missing, .* the first `bn1.bias`"):
        ResNet(weights=str(path)).check((3, 32, 32), TASKS)
    (tmp_path / "torn.pth").write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"It does not load"):
        ResNet(weights=str(tmp_path / "torn.pth")).check((3, 32, 32), TASKS)
    torch.save({"epoch": 3, "model": network.state_dict()}, tmp_path / "whole.pth")
    with pytest.raises(SpecError, match=r"Found a dict with epoch, model. Save that part alone"):
        ResNet(weights=str(tmp_path / "whole.pth")).check((3, 32, 32), TASKS)
    with pytest.raises(SpecError, match=r"are of images with three channels. The data set has 1"):
        Backbone(f"torchvision:{SMALL}", weights=str(path)).check((1, 32, 32), TASKS)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda: Backbone("torchvision:resnet19"), "no classifier of torchvision `resnet19`. Did you mean `resnet18`"),
        (lambda: Backbone("resnet18"), '`name` should name a classifier of torchvision, as "torchvision:resnet18"'),
        (lambda: ResNet(depth=34), r"should be 18 or 50. Found `depth = 34`"),
        (lambda: ResNet().check((12,), TASKS), "resnet18 takes images, .* has inputs of 12"),
        (lambda: ResNet().check(TokenShape(12, vocabulary=5), TASKS), "resnet18 takes images"),
        (lambda: Backbone("torchvision:alexnet").check((3, 8, 8), TASKS), "inputs of 3x8x8. A forward pass failed"),
    ],
)
def test_what_does_not_fit_is_refused(made, match):
    with pytest.raises(SpecError, match=match):
        made()
