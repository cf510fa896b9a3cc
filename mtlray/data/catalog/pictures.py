"""A picture of a data set: some examples of each split, with their targets."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mtlray.data.arrays.text import FIRST
from mtlray.data.base import Column, Dataset, DatasetSpec, Examples
from mtlray.data.celeba import CelebA
from mtlray.data.cifar100 import CIFAR100
from mtlray.data.cifar100.store import imported
from mtlray.data.faces import Faces, IMDBWiki, UTKFace
from mtlray.data.files.prepared import load
from mtlray.data.files.record import is_here
from mtlray.data.multi_mnist.digits import SOURCES, are_here
from mtlray.data.multi_mnist.spec import MultiMNIST
from mtlray.data.nyuv2 import NYUv2
from mtlray.data.nyuv2.importing import FORMS
from mtlray.data.nyuv2.sample import CLASSES
from mtlray.data.tables import CLINC150, Tox21, Yeast
from mtlray.data.tables.published import PublishedTable
from mtlray.errors import DataError, unknown_name
from mtlray.own_settings import own_settings

_FACES: Mapping[str, type[Faces]] = {"imdb_wiki": IMDBWiki, "utkface": UTKFace}
_TABLES: Mapping[str, type[PublishedTable]] = {"yeast": Yeast, "tox21": Tox21, "clinc150": CLINC150}
_TITLE = 60  # characters in a line
_MANY = 5  # labels above an example that are written out
_IMPORTED = ("nyuv2", *_FACES, "celeba", "cifar100", *_TABLES)


def specs_of(name: str, root: Path) -> list[DatasetSpec]:
    """The data sets that a source gives, as they lie below `root`. Raises SpecError for an unknown name, DataError for none."""
    if name in SOURCES:
        return [MultiMNIST(source=name, task_names=("left", "right", "reconstruct"))]
    if name not in _IMPORTED:
        raise unknown_name("data source", name, [*SOURCES, *_IMPORTED])
    if name in _TABLES:
        table = _TABLES[name]()
        table.prepare(root)
        return [table]
    if name == "cifar100":
        found = load(imported(root))[0]
        return [CIFAR100(n_images=(len(found["train-images"]), len(found["test-images"])))]
    specs: list[DatasetSpec] = []
    for folder in sorted(path.parent for path in (root / name).glob("*/meta.json")):
        if folder.name not in FORMS and not re.fullmatch(r"\d{2,5}px", folder.name):
            continue
        arrays = load(folder)[0]
        if not {"train-images", "test-images"} <= arrays.keys():
            continue
        counts = (len(arrays["train-images"]), len(arrays["test-images"]))
        if name == "celeba":
            n_images = (counts[0], len(arrays["val-images"]), counts[1])
            specs.append(CelebA(image_size=int(folder.name.removesuffix("px")), n_images=n_images))
        elif name != "nyuv2":
            specs.append(_FACES[name](image_size=int(folder.name.removesuffix("px")), n_images=counts))
        elif folder.name in FORMS:
            tasks = ("segmentation", "depth", "normals") if "train-normals" in arrays else ("segmentation", "depth")
            specs.append(NYUv2(source=folder.name, task_names=tasks, n_images=counts))
    if not specs:
        raise DataError(
            f"{name} should have been imported to {root / name}. Found nothing there. Run `mtlray data import {name} PATH`."
        )
    return specs


def arrays_of(spec: DatasetSpec, root: Path) -> Dataset:
    """What a data set holds, for a look at it: nothing below `root` is written. Raises DataError."""
    if isinstance(spec, MultiMNIST) and not all(is_here(folder) for folder in spec.folders(root)):
        for source in spec.collections:
            if not are_here(source.name, root):
                raise DataError(
                    f"{source.name} should be in {root}. Found it not there. Run `mtlray data prepare {source.name}`."
                )
        return spec.unstored(root)
    return spec.load(root)


def vocabulary_of(spec: DatasetSpec, root: Path) -> tuple[str, ...]:
    """The words or characters that a data set's tokens stand for; none where its inputs are no tokens. Raises DataError."""
    return spec.vocabulary(root) if isinstance(spec, PublishedTable) else ()


@own_settings({})
def draw(spec: DatasetSpec, dataset: Dataset, out: Path, n: int, vocabulary: Sequence[str] = ()) -> None:
    """Write a picture with `n` training and `n` test examples, evenly spread over each split, a row an example.

    Texts are written with the words or characters of a `vocabulary`, and numbers are drawn as bars.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    chosen = [(split, i) for split in ("train", "test") for i in _spread(len(dataset.splits[split]), n)]
    images = [name for name, column in dataset.splits["train"].targets.items() if column.values.ndim > 1]
    height, width = spec.input_shape[-2:] if len(spec.input_shape) > 1 else (1, 3)
    size = (2.6 * (1 + len(images)) + 1.8, (2.6 * height / width + 0.25) * len(chosen) + 0.8)
    figure, axes = plt.subplots(len(chosen), 1 + len(images), figsize=size, squeeze=False, layout="constrained")
    for row, (split, i) in zip(axes, chosen, strict=True):
        examples = dataset.splits[split]
        _draw_input(row[0], examples.inputs.kind, _one(examples, examples.inputs, i), vocabulary)
        title = ", ".join([f"{split} {i}", *_labels(spec, examples, i)])
        row[0].set_title(textwrap.fill(title, _TITLE), fontsize=8)
        for axis, name in zip(row[1:], images, strict=True):
            _draw_target(axis, name, examples.targets[name], _one(examples, examples.targets[name], i), plt)
        for axis in row:
            axis.set_xticks([])
            axis.set_yticks([])
    if "segmentation" in images:
        colours = plt.get_cmap("tab20")
        handles = [Patch(color=colours(k / 20)) for k in range(len(CLASSES))]
        figure.legend(handles, CLASSES, loc="outside lower center", ncols=7, fontsize=7, frameon=False)
    figure.suptitle(spec.origin, fontsize=8, wrap=True)
    try:
        figure.savefig(out, dpi=110)
    except (OSError, ValueError) as error:
        raise DataError(f"The picture should be written to `{out}`. Found: {error}.") from error
    finally:
        plt.close(figure)


def _draw_input(axis: Any, kind: str, values: np.ndarray, vocabulary: Sequence[str]) -> None:
    if kind == "token":
        words = [
            vocabulary[k - FIRST] if FIRST <= k < FIRST + len(vocabulary) else "?"
            for k in values[values > 0].astype(int)
        ]
        between = "" if all(len(word) == 1 for word in vocabulary) else " "
        axis.text(0.5, 0.5, textwrap.fill(between.join(words), _TITLE), ha="center", va="center", parse_math=False)
    elif kind == "image":
        axis.imshow(_pixels(values), cmap="gray")
    else:
        axis.bar(np.arange(values.size), values.ravel())


def _labels(spec: DatasetSpec, examples: Examples, i: int) -> list[str]:
    """The labels of an example in words; of many questions with a yes or no those with a yes."""
    values = {name: int(_one(examples, c, i)) for name, c in examples.targets.items() if c.values.ndim == 1}
    if len(values) < _MANY or any(task.output_shape != (1,) for task in spec.tasks):
        return [f"{name} {value if value >= 0 else '-'}" for name, value in values.items()]
    return [f"yes: {', '.join(name for name, value in values.items() if value > 0) or 'none'}"]


def _draw_target(axis: Any, name: str, column: Column, values: np.ndarray, plt: Any) -> None:
    axis.set_title(name, fontsize=8)
    if column.kind == "label":
        colours = plt.get_cmap("tab20")(np.clip(values, 0, 19) / 20)
        axis.imshow(np.where(values[..., None] < 0, 1.0, colours))
        axis.set_title(f"{name}; white: none", fontsize=8)
    elif column.kind == "direction":
        shown = values[:3].transpose(1, 2, 0)
        axis.imshow(np.where((shown == 0).all(axis=-1, keepdims=True), 1.0, (shown + 1) / 2))
        axis.set_title(f"{name}; red x, green y, blue z", fontsize=8)
    elif column.kind == "number":
        known = np.where(values[0] == 0, np.nan, values[0])
        axis.figure.colorbar(axis.imshow(known, cmap="viridis"), ax=axis, shrink=0.8)
    else:
        axis.imshow(_pixels(values), cmap="gray")


def _one(examples: Examples, column: Column, i: int) -> np.ndarray:
    array: np.ndarray = column.gather(examples.located(torch.tensor([[i]])), torch.float32)[0, 0].numpy()
    return array


def _pixels(values: np.ndarray) -> np.ndarray:
    if values.ndim == 3:
        return values.transpose(1, 2, 0) if len(values) == 3 else values[0]
    return values


def _spread(length: int, n: int) -> Sequence[int]:
    return sorted({int(i) for i in np.linspace(0, length - 1, min(n, length))})
