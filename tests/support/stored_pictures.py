"""Small copies of the data sets of pictures, made of random numbers and stored as their imports store them."""

import numpy as np

from mtlray.data import CelebA, IMDBWiki, NYUv2, UTKFace
from mtlray.data.files import prepared

ROOMS = NYUv2(downscale=8, n_images=(6, 3), val_images=2)
PEOPLE = UTKFace(image_size=32, n_images=(12, 5), val_images=3, flips="both")
ATTRIBUTES = CelebA(image_size=32, n_images=(12, 3, 5))
ACTORS = IMDBWiki(image_size=32, n_images=(12, 5), val_images=3)


def rooms(root):
    """NYUv2 as it is stored, six and three images at 36x48."""
    rng = np.random.default_rng(0)
    folder = root / "nyuv2" / "mtan"

    def made():
        arrays = {}
        for split, n in (("train", 6), ("test", 3)):
            arrays[f"{split}-images"] = rng.integers(0, 256, (n, 3, 288, 384), dtype=np.uint8)
            arrays[f"{split}-depth"] = rng.integers(0, 30000, (n, 1, 288, 384), dtype=np.int16)
            arrays[f"{split}-labels"] = rng.integers(-1, 13, (n, 288, 384), dtype=np.int8)
            arrays[f"{split}-normals"] = rng.integers(-127, 128, (n, 4, 288, 384), dtype=np.int8)
        return arrays

    prepared.prepare(folder, made)
    ROOMS.prepare(root)
    return ROOMS


def people(root, spec=PEOPLE):
    """Faces as they are stored, twelve and five of 32 pixels."""
    rng = np.random.default_rng(0)

    def made():
        arrays = {}
        for split, n in (("train", 12), ("test", 5)):
            arrays[f"{split}-images"] = rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
            arrays[f"{split}-ages"] = rng.integers(0, 101, n).astype(np.uint8)
            arrays[f"{split}-genders"] = rng.integers(0, 2, n).astype(np.uint8)
            arrays[f"{split}-subjects"] = np.full(n, -1, np.int32)
        return arrays

    prepared.prepare(root / spec.key / "32px", made)
    return spec


def attributes(root):
    """CelebA as it is stored, twelve, three and five of 32 pixels."""
    rng = np.random.default_rng(0)

    def made():
        arrays = {}
        for split, n in zip(("train", "val", "test"), ATTRIBUTES.n_images, strict=True):
            arrays[f"{split}-images"] = rng.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
            arrays[f"{split}-labels"] = rng.integers(0, 2, (n, 40)).astype(np.int8)
        return arrays

    prepared.prepare(root / "celeba" / "32px", made)
    return ATTRIBUTES
