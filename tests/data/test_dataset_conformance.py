"""Every shipped data set keeps the contract that mtlray.testing states."""

import cifar
import numpy as np
import stored_pictures
import stored_tables
import torch

from mtlray import ArrayDataset, IMDBWiki, MultiMNIST, TorchDataset, binary, classification, regression
from mtlray.data import DATASETS
from mtlray.testing import DatasetConformance

TASKS = (classification("kind", classes=3), binary("big"), regression("size", unit="cm"))


def table():
    rng = np.random.default_rng(0)
    kinds = np.where(np.arange(60) % 5, np.arange(60) % 3, -1)
    return {"x": rng.normal(5, 3, (60, 4)), "kind": kinds, "big": np.arange(60) % 2, "size": rng.normal(size=60)}


def images():
    return table() | {"x": np.random.default_rng(1).integers(0, 256, (60, 3, 6, 5), dtype=np.uint8)}


def texts():
    return table() | {"x": np.array([" ".join("abcdefg"[: i % 8]) for i in range(60)], dtype=object)}


def pairs():
    return torch.utils.data.TensorDataset(torch.arange(120.0).view(60, 2), torch.arange(60) % 3)


class TestArrays(DatasetConformance):
    datasets = (
        ArrayDataset(name="table", source=table, tasks=TASKS),
        ArrayDataset(name="images", source=images, tasks=TASKS, val=0),
        ArrayDataset(name="words", source=texts, tasks=TASKS, tokens="words"),
        ArrayDataset(name="characters", source=texts, tasks=TASKS, tokens="characters", max_length=5),
    )


class TestTorch(DatasetConformance):
    datasets = (
        TorchDataset(name="pairs", source=pairs, tasks=TASKS[:1]),
        TorchDataset(name="parts", source={"train": pairs(), "test": pairs()}, tasks=TASKS[:1]),
    )


class TestDigits(DatasetConformance):
    datasets = (MultiMNIST(source="mnist5k", task_names=("left", "right", "reconstruct"), val_digits=200),)


class TestCIFAR100(DatasetConformance):
    datasets = (cifar.SMALL, cifar.ALTERED, cifar.TWENTY)

    def bring(self, root):
        cifar.stored(root)


class TestPictures(DatasetConformance):
    datasets = (stored_pictures.ROOMS, stored_pictures.PEOPLE, stored_pictures.ACTORS, stored_pictures.ATTRIBUTES)

    def bring(self, root):
        stored_pictures.rooms(root)
        stored_pictures.people(root)
        stored_pictures.attributes(root)
        stored_pictures.people(root, stored_pictures.ACTORS)


class TestTables(DatasetConformance):
    datasets = (*stored_tables.GENES, *stored_tables.MOLECULES, *stored_tables.SENTENCES)

    def bring(self, root):
        stored_tables.stored(root)


def test_every_data_set_is_there():
    suites = [cls for cls in DatasetConformance.__subclasses__() if cls.__module__ == __name__]
    assert {type(dataset) for suite in suites for dataset in suite.datasets} == set(DATASETS)
    assert IMDBWiki in DATASETS
