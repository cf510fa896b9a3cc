"""CIFAR-100: small pictures of a hundred classes in twenty superclasses."""

from mtlray.data.cifar100.by_superclass import CIFAR100BySuperclass
from mtlray.data.cifar100.spec import CIFAR100

__all__ = ["CIFAR100", "CIFAR100BySuperclass"]
