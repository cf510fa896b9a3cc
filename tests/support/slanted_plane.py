"""A slanted plane as a depth camera sees it, and pictures as bytes."""

import io

import numpy as np
from PIL import Image

from mtlray.data.nyuv2.normals import CAMERA

H, W = 288, 384
NORMAL = np.array([0.3, -0.5, -0.8]) / np.linalg.norm([0.3, -0.5, -0.8])


def plane(distance, camera=CAMERA, size=(H, W)):
    """Depth of the plane with NORMAL that the camera sees `distance` metres ahead."""
    fx, fy, cx, cy = camera
    u, v = np.meshgrid(np.arange(size[1]), np.arange(size[0]))
    ray = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones(size)], axis=-1)
    return distance * NORMAL[2] / (ray @ NORMAL)


def as_bytes(array, kind):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()
