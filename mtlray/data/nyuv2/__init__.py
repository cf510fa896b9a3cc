"""NYU Depth v2: the data set, the forms in which it is distributed, and surface normals from depth."""

from mtlray.data.nyuv2.spec import NYUv2

__all__ = ["NYUv2"]
