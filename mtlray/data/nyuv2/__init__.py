"""NYU Depth v2: the data set, the forms in which people have it, and surface normals from depth."""

from mtlray.data.nyuv2.spec import NYUv2

__all__ = ["NYUv2"]
