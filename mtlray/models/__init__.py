"""Models, one family a file. MODELS lists them."""

from mtlray.models.activation_checkpointing import StagedTrunk
from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.models.lenet import LeNet
from mtlray.models.pack import Pack
from mtlray.models.segnet import SegNet
from mtlray.models.vgg import VGG

MODELS: tuple[type[ModelSpec], ...] = (LeNet, SegNet, VGG)

__all__ = ["MODELS", "VGG", "LeNet", "ModelSpec", "Pack", "SegNet", "SharedTrunk", "StagedTrunk"]
