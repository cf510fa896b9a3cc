"""A small CIFAR-100 in the official layout, and stored as its import stores it."""

import hashlib
import io
import pickle
import tarfile

import numpy as np

from mtlray.data import CIFAR100, CIFAR100BySuperclass
from mtlray.data.cifar100.archive import ARCHIVE, MD5, SUPERCLASSES
from mtlray.data.cifar100.store import import_cifar100

SIZES = (200, 100)
SMALL = CIFAR100(n_images=SIZES, val_images=20)
ALTERED = CIFAR100(("coarse", "upside_down", "colour_jitter", "alteration", "random_4"), n_images=SIZES, val_images=30)
TWENTY = CIFAR100BySuperclass(n_images=SIZES, val_images=2, augment_training=True)

# Each class is in the superclass that its number gives when it is divided by twenty.
FINE_NAMES = [f"class_{i:02d}" for i in range(100)]


def part(n, seed):
    """`n` pictures in random order, each class as often, as the official files hold them."""
    rng = np.random.default_rng(seed)
    fine = rng.permutation(np.arange(n) % 100).tolist()
    return {
        "filenames": [f"picture_{i}.png" for i in range(n)],
        "batch_label": "batch 1 of 1",
        "fine_labels": fine,
        "coarse_labels": [label % 20 for label in fine],
        "data": rng.integers(0, 256, (n, 3072), dtype=np.uint8),
    }


def files():
    """The content of each file, by name."""
    meta = {"fine_label_names": FINE_NAMES, "coarse_label_names": list(SUPERCLASSES)}
    return {"train": part(SIZES[0], 0), "test": part(SIZES[1], 1), "meta": meta}


def write(folder, content, protocol=2):
    """The archive in `folder`, and the checksums of it and of its files."""
    path, md5 = folder / ARCHIVE, dict(MD5)
    with tarfile.open(path, "w:gz") as archive:
        for name, value in {**content, "file.txt~": {}}.items():
            packed = pickle.dumps(value, protocol)
            md5[name] = hashlib.md5(packed).hexdigest()
            member = tarfile.TarInfo(f"cifar-100-python/{name}")
            member.size = len(packed)
            archive.addfile(member, io.BytesIO(packed))
    md5[ARCHIVE] = hashlib.md5(path.read_bytes()).hexdigest()
    return path, md5


def stored(root):
    """Imported below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    path, md5 = write(root, files())
    import_cifar100(path, root, md5)
    path.unlink()
