"""Yeast, Tox21 and CLINC150 in their sizes, made of random numbers and stored as their imports store them."""

import numpy as np

from mtlray.data import CLINC150, Tox21, Yeast
from mtlray.data.files import prepared
from mtlray.data.tables import clinc150, tox21, yeast
from mtlray.data.tables.published import folder_of

GENES = (Yeast(val_genes=300), Yeast(task_names=("Class1", "Class14"), data_seed=1))
MOLECULES = (Tox21(), Tox21(task_names=("NR-ER",), max_length=40, val_molecules=800))
SENTENCES = (CLINC150(), CLINC150(task_names=("in_scope",)))


def stored(root):
    """All three below a data folder."""
    for key, made in ((Yeast.key, _genes), (Tox21.key, _molecules), (CLINC150.key, _sentences)):
        prepared.prepare(folder_of(key, root), lambda made=made: made(np.random.default_rng(0)))


def _genes(rng):
    arrays = {}
    for split, n in zip(("train", "test"), yeast.SIZES, strict=True):
        arrays[f"{split}-inputs"] = rng.normal(3, 2, (n, 103))
        arrays[f"{split}-labels"] = rng.integers(0, 2, (n, 14)).astype(np.int8)
    return arrays


def _molecules(rng):
    arrays = {}
    for split, n in zip(("train", "test"), tox21.SIZES, strict=True):
        lengths = rng.integers(1, 120, (n, 1))
        codes = rng.integers(60, 60 + tox21.N_CHARACTERS, (n, tox21.LONGEST))
        arrays[f"{split}-codes"] = np.where(np.arange(tox21.LONGEST) < lengths, codes, 0).astype(np.uint8)
        arrays[f"{split}-labels"] = rng.integers(-1, 2, (n, 12)).astype(np.int8)
        arrays[f"{split}-groups"] = np.arange(n, dtype=np.int32)
    return arrays


def _sentences(rng):
    arrays = {"vocabulary": np.frombuffer("\n".join(map(str, range(clinc150.N_WORDS))).encode(), np.uint8)}
    for split, n in clinc150.SIZES.items():
        lengths = rng.integers(1, clinc150.LENGTH + 1, (n, 1))
        tokens = rng.integers(1, 2 + clinc150.N_WORDS, (n, clinc150.LENGTH))
        arrays[f"{split}-tokens"] = np.where(np.arange(clinc150.LENGTH) < lengths, tokens, 0).astype(np.int16)
        arrays[f"{split}-domain"] = rng.integers(-1, 10, n).astype(np.int16)
        arrays[f"{split}-intent"] = rng.integers(-1, 150, n).astype(np.int16)
        arrays[f"{split}-in_scope"] = rng.integers(0, 2, n).astype(np.int16)
    return arrays
