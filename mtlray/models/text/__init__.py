"""Models of texts."""

from mtlray.models.text.spec import TextEncoder

__all__ = ["TextEncoder"]
