"""Models, one family a file. MODELS lists them."""

from mtlray.models.activation_checkpointing import StagedTrunk
from mtlray.models.backbones import Backbone, ResNet
from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.models.computation import Computation
from mtlray.models.convolutional import NineLayerCNN, WideResNet
from mtlray.models.factories import Network
from mtlray.models.lenet import LeNet
from mtlray.models.mlp import MLP
from mtlray.models.mtan import MTAN
from mtlray.models.networks import Networks
from mtlray.models.segnet import SegNet
from mtlray.models.text import TextEncoder
from mtlray.models.vgg import VGG

MODELS: tuple[type[ModelSpec], ...] = (
    LeNet,
    MLP,
    SegNet,
    MTAN,
    VGG,
    NineLayerCNN,
    WideResNet,
    ResNet,
    Backbone,
    TextEncoder,
    Network,
)

__all__ = [
    "MLP",
    "MODELS",
    "MTAN",
    "VGG",
    "Backbone",
    "Computation",
    "LeNet",
    "ModelSpec",
    "Network",
    "Networks",
    "NineLayerCNN",
    "ResNet",
    "SegNet",
    "SharedTrunk",
    "StagedTrunk",
    "TextEncoder",
    "WideResNet",
]
