"""The contract of a data set, as tests to inherit."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args

import torch
from torch import Tensor

from mtlray.axes import TokenShape
from mtlray.data import Dataset, DatasetSpec, Examples
from mtlray.data.base import SplitName
from mtlray.randomness import generator
from mtlray.testing.probes import assert_close, assert_frozen, assert_labels_differ, assert_travels

_BATCH = 8
_SPLITS: tuple[SplitName, ...] = get_args(SplitName)


class DatasetConformance:
    """What every data set must satisfy, checked on its prepared arrays.

    ```
    class TestMyData(DatasetConformance):
        datasets = (MyData(), MyData(n_images=50))
    ```

    A subclass gives `datasets`, small ones with the settings that matter, and `bring` where `prepare` reads what lies below the
    data folder. Tests share a folder of prepared data; two are prepared for the comparison of their fingerprints.
    """

    datasets: ClassVar[Sequence[DatasetSpec]] = ()

    @classmethod
    def pytest_generate_tests(cls, metafunc: Any) -> None:
        """Run each test that takes a `dataset` once for each of `datasets`."""
        if "dataset" in metafunc.fixturenames:
            metafunc.parametrize("dataset", cls.datasets, ids=[d.label for d in cls.datasets])

    def bring(self, root: Path) -> None:
        """Put what `prepare` reads below an empty data folder, such as a small copy of an imported data set. Default: nothing."""

    def _root(self, factory: Any, name: str = "one") -> Path:
        """A data folder of this class of tests."""
        root = Path(factory.getbasetemp()) / f"{type(self).__module__}.{type(self).__qualname__}-{name}"
        if not root.is_dir():
            root.mkdir(parents=True)
            self.bring(root)
        return root

    def _loaded(self, dataset: DatasetSpec, factory: Any) -> Dataset:
        root = self._root(factory)
        dataset.prepare(root)
        return dataset.load(root)

    def _batch(self, dataset: DatasetSpec, examples: Examples) -> tuple[Tensor, dict[str, Tensor]]:
        """The first examples of a split, `[seed, batch, ...]`, decoded."""
        rows = examples.located(torch.arange(min(_BATCH, len(examples)))[None])
        targets = {task.name: examples.targets[task.name].gather(rows, torch.float64) for task in dataset.tasks}
        return examples.inputs.gather(rows, torch.float64), targets

    # -- settings

    def test_settings_are_frozen(self, dataset: DatasetSpec) -> None:
        assert_frozen(dataset)

    def test_travels_to_workers(self, dataset: DatasetSpec, tmp_path_factory: Any) -> None:
        there, expected = assert_travels(dataset), self._loaded(dataset, tmp_path_factory)
        assert there.load(self._root(tmp_path_factory)).fingerprint == expected.fingerprint
        assert (there.label, there.origin, there.input_shape) == (dataset.label, dataset.origin, dataset.input_shape)

    def test_labels_tell_data_sets_apart(self) -> None:
        assert_labels_differ(self.datasets, "datasets")
        for dataset in self.datasets:
            assert dataset.origin, f"`origin` of {dataset.label} should say where the data come from"
            names = [task.name for task in dataset.tasks]
            assert len(set(names)) == len(names) > 0, f"the tasks of {dataset.label} should have a name each: {names}"

    # -- preparing

    def test_prepares_the_same_arrays_each_time(self, dataset: DatasetSpec, tmp_path_factory: Any) -> None:
        marks = []
        for name in ("one", "two"):
            root = self._root(tmp_path_factory, name)
            marks += [dataset.prepare(root), dataset.prepare(root), dataset.load(root).fingerprint]
        assert len(set(marks)) == 1, f"the fingerprints of arrays that should be equal: {marks}"

    def test_sizes_are_known_without_the_data(self, dataset: DatasetSpec, tmp_path_factory: Any) -> None:
        sizes = {split: dataset.n_examples(split) for split in _SPLITS}
        splits = self._loaded(dataset, tmp_path_factory).splits
        assert {split: len(splits[split]) for split in _SPLITS} == sizes, "n_examples, and what is loaded"
        assert sizes["train"] > 0, "there is nothing to train on"
        assert sizes["test"] > 0, "there is nothing to test on"

    # -- what is read

    def test_inputs_are_as_declared(self, dataset: DatasetSpec, tmp_path_factory: Any) -> None:
        shape = dataset.input_shape
        for split, examples in self._loaded(dataset, tmp_path_factory).splits.items():
            inputs, _ = self._batch(dataset, examples)
            assert tuple(inputs.shape[2:]) == tuple(shape), f"{split}: inputs of {tuple(inputs.shape[2:])}, not {shape}"
            assert (inputs.dtype == torch.int64) == isinstance(shape, TokenShape), (
                "tokens are a Column of kind `token` and their shape a TokenShape; all else is neither"
            )
            assert inputs.isfinite().all(), f"{split}: inputs that are not finite"
            if isinstance(shape, TokenShape) and inputs.numel():
                assert 0 <= int(inputs.min()) <= int(inputs.max()) < shape.vocabulary, f"{split}: tokens out of range"
                ends = (inputs != 0).long().cumprod(dim=2).sum(dim=2) == (inputs != 0).sum(dim=2)
                assert ends.all(), f"{split}: a token after padding"

    def test_targets_fit_their_tasks(self, dataset: DatasetSpec, tmp_path_factory: Any) -> None:
        for split, examples in self._loaded(dataset, tmp_path_factory).splits.items():
            if not len(examples):
                continue
            _, targets = self._batch(dataset, examples)
            for task in dataset.tasks:
                target = targets[task.name]
                if task.likelihood == "categorical":
                    n_classes = max(2, task.output_shape[0])
                    assert target.dtype == torch.int64, f"{split}: classes of {task.name} are no Column of kind `label`"
                    assert int(target.max()) < n_classes, f"{split}: a class of {task.name} out of {n_classes}"
                prediction = torch.zeros(1, target.shape[1], *task.output_shape, dtype=torch.float64)
                loss = task.loss(prediction, target)
                assert loss.shape == (1,), (
                    f"the loss of {task.name} should have shape [seed]. Found {tuple(loss.shape)}"
                )
                assert loss.isfinite().all(), f"{split}: the loss of {task.name} is not finite"
                for metric in task.metrics:
                    kept = metric.update(metric.init(1, torch.device("cpu")), prediction, target)
                    value = metric.compute(kept).tolist()
                    assert len(value) == 1, (
                        f"metric {metric.name} of {task.name} should have a value a seed. Found {value}"
                    )
                    assert not math.isinf(value[0]), f"metric {metric.name} of {task.name} is infinite"

    def test_augmentation_draws_from_its_generators_alone(self, dataset: DatasetSpec, tmp_path_factory: Any) -> None:
        if not dataset.augmented:
            return
        inputs, targets = self._batch(dataset, self._loaded(dataset, tmp_path_factory).splits["train"])
        results: list[dict[str, Tensor]] = []
        for everything, step in ((0, 0), (1, 0), (1, 1)):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(everything)
                before = torch.get_rng_state()
                results.append(self._augmented(dataset, inputs, targets, step))
                assert torch.equal(torch.get_rng_state(), before), "torch's global generator was drawn from"
        assert_close(results[1], results[0], 0.0, "augmented twice by equal generators")
        shapes = [
            {name: tensor.shape for name, tensor in values.items()} for values in (results[0], {"": inputs, **targets})
        ]
        assert shapes[0] == shapes[1], "augmenting changes a shape"
        same = all(torch.equal(results[0][name], results[2][name]) for name in results[0])
        assert not same, "other generators change nothing; let `augmented` return False"

    def _augmented(
        self, dataset: DatasetSpec, inputs: Tensor, targets: Mapping[str, Tensor], step: int
    ) -> dict[str, Tensor]:
        copies = {name: target.clone() for name, target in targets.items()}
        changed, of_tasks = dataset.augment(inputs.clone(), copies, [generator(0, "augment", step)])
        return {"": changed, **of_tasks}
