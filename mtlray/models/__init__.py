"""Models, one family a file. MODELS lists them."""

from mtlray.models.base import ModelSpec, SharedTrunk
from mtlray.models.lenet import LeNet
from mtlray.models.pack import Pack

MODELS: tuple[type[ModelSpec], ...] = (LeNet,)

__all__ = ["MODELS", "LeNet", "ModelSpec", "Pack", "SharedTrunk"]
