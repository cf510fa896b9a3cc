"""Surface normals from depth, for copies of NYUv2 that come without.

Numbers of models trained on these normals are not comparable with published ones, whose targets are others' normals.
"""

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

# The colour camera of the official toolbox (fx, fy, cx, cy in pixels of 640x480), after the official crop of 561x427 pixels at
# (40, 44) and a resize to 384x288.
_X, _Y = 384 / 561, 288 / 427
CAMERA = (518.857901 * _X, 519.469611 * _Y, (325.582449 - 40 + 0.5) * _X - 0.5, (253.736166 - 44 + 0.5) * _Y - 0.5)


def smoothed(depth: np.ndarray, step: float) -> np.ndarray:
    """Depth in metres that was rounded to the middle of bins of `step` metres, smoothed without leaving any bin.

    Inverse depth is filtered, because a plane is affine in it. Pixels without a depth stay so.
    """
    known = depth > 0
    low = 1 / (depth + step / 2)
    high = 1 / np.maximum(depth - step / 2, 1e-3)
    inverse = (low + high) / 2
    for sigma in (4, 2):
        for _ in range(12):
            inverse = np.clip(gaussian_filter(inverse, sigma), low, high)
    return np.where(known, 1 / inverse, 0)


def normals_from_depth(
    depth: np.ndarray, camera: tuple[float, float, float, float] = CAMERA, window: int = 13
) -> np.ndarray:
    """Unit normals `[H, W, 3]` that point at the camera, x right, y down, z forward; (0, 0, 0) where there is no depth.

    In the window around a pixel the plane `1/z = a x + b y + c` is fitted by least squares over normalised image coordinates;
    its normal is along (a, b, c).
    """
    fx, fy, cx, cy = camera
    known = depth > 0
    u, v = np.meshgrid(np.arange(depth.shape[1]), np.arange(depth.shape[0]))
    x, y, inverse = (u - cx) / fx, (v - cy) / fy, 1 / np.where(known, depth, np.inf)

    def mean(values: np.ndarray) -> np.ndarray:
        filtered: np.ndarray = uniform_filter(values, window, mode="nearest")
        return filtered

    # Where pixels of the window have no depth, the means are over the others.
    share = np.maximum(mean(known.astype(float)), 0.5 / window**2)
    mx, my, mi = (mean(values * known) / share for values in (x, y, inverse))
    xx, yy, xy, xi, yi = (
        mean(one * two * known) / share - of_one * of_two
        for one, two, of_one, of_two in (
            (x, x, mx, mx), (y, y, my, my), (x, y, mx, my), (x, inverse, mx, mi), (y, inverse, my, mi)
        )
    )  # fmt: skip
    determinant = xx * yy - xy * xy
    fits = known & (determinant > 1e-14)
    determinant = np.where(fits, determinant, 1)
    a, b = (yy * xi - xy * yi) / determinant, (xx * yi - xy * xi) / determinant
    found = np.stack([a, b, mi - a * mx - b * my], axis=-1)
    found /= np.linalg.norm(found, axis=-1, keepdims=True) + 1e-12
    ray = np.stack([x, y, np.ones_like(x)], axis=-1)
    facing = -np.where((found * ray).sum(axis=-1, keepdims=True) < 0, -1.0, 1.0)
    return np.where(fits[..., None], found * facing, 0)
