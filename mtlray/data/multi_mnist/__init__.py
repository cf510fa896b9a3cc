"""Multi-MNIST: two digits on one canvas."""

from mtlray.data.multi_mnist.spec import MultiMNIST

__all__ = ["MultiMNIST"]
