"""Faces with age and gender: the data sets, and the forms in which they are distributed."""

from mtlray.data.faces.spec import Faces, IMDBWiki, UTKFace

__all__ = ["Faces", "IMDBWiki", "UTKFace"]
