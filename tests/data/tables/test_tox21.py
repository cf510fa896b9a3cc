"""Tox21: labels that are missing, twice-named molecules in one split, a vocabulary of the training part."""

import numpy as np

from mtlray.data import Tox21
from mtlray.data.tables.tox21 import ASSAYS, LONGEST, N_CHARACTERS, arrays_of, import_tox21, numbers_of

ROWS = ("CCO", "C[C@H]", "c1cc1", "CCO", "N", "O", "CN", "OC", "CC", "NO")


def text():
    lines = [",".join([*ASSAYS, "mol_id", "smiles"])]
    for i, smiles in enumerate(ROWS):
        values = ["" if (i + k) % 3 == 0 else str((i + k) % 2) for k in range(12)]
        lines.append(",".join([*values, f"TOX{i}", smiles]))
    return "\n".join(lines).encode()


def test_rows_become_codes_labels_and_groups():
    arrays = arrays_of(text(), "`x`")
    assert sorted(arrays) == [
        f"{split}-{name}" for split in ("test", "train") for name in ("codes", "groups", "labels")
    ]
    smiles, labels = [], []
    for split in ("train", "test"):
        smiles += [bytes(row[row > 0]).decode() for row in arrays[f"{split}-codes"]]
        labels += arrays[f"{split}-labels"].tolist()
    assert sorted(smiles) == sorted(ROWS)
    of = {smile: row for smile, row in zip(smiles, labels, strict=True) if smile != "CCO"}
    assert of["C[C@H]"] == [-1 if (1 + k) % 3 == 0 else (1 + k) % 2 for k in range(12)]
    twice = [sum(bytes(row[row > 0]) == b"CCO" for row in arrays[f"{split}-codes"]) for split in ("train", "test")]
    assert sorted(twice) == [0, 2], "a molecule that occurs twice is in one split"


def test_the_vocabulary_is_that_of_the_training_part():
    codes = np.array([[67, 67, 79], [67, 79, 0]], np.uint8)  # CCO, CO
    numbers = numbers_of(codes)
    assert (numbers[67], numbers[79], numbers[78], numbers[0]) == (2, 3, 1, 0)


def test_the_published_file(published, tmp_path):
    assert "6,411 molecules for training and 1,603 for testing" in import_tox21(published("tox21"), tmp_path)
    spec = Tox21(val_molecules=800, max_length=LONGEST)
    dataset = spec.load(tmp_path)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 5611, "val": 800, "test": 1603}
    train, test = dataset.splits["train"], dataset.splits["test"]
    assert train.inputs.values.shape[1] == LONGEST
    highest = int(max(train.inputs.values.max(), test.inputs.values.max()))
    assert 2 + N_CHARACTERS - 5 < highest < 2 + N_CHARACTERS == spec.input_shape.vocabulary
    of_train = {bytes(row.tolist()) for row in train.inputs.values}
    assert not of_train & {bytes(row.tolist()) for row in test.inputs.values}, "a molecule in two splits"
    labels = np.concatenate([np.stack([s.targets[a].values for a in ASSAYS], 1) for s in (train, test)])
    missing, positive = (labels < 0).sum(0), (labels == 1).sum(0) / (labels >= 0).sum(0)
    assert (missing.min(), missing.max()) == (575, 2094)
    assert 0.025 < positive.min() < 0.04
    assert 0.13 < positive.max() < 0.17
