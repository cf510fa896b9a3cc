"""Residual and plain convolutional networks for small pictures."""

from mtlray.models.convolutional.nine_layer import NineLayerCNN
from mtlray.models.convolutional.wide_resnet import WideResNet

__all__ = ["NineLayerCNN", "WideResNet"]
