"""CelebA: faces with forty attributes."""

from mtlray.data.celeba.spec import CelebA

__all__ = ["CelebA"]
