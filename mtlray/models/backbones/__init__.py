"""Networks of torchvision."""

from mtlray.models.backbones.spec import Backbone, ResNet

__all__ = ["Backbone", "ResNet"]
