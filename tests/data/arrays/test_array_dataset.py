"""A data set of one's own: how each source is read, split and scaled, what its identity is, and what is refused."""

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mtlray import MLP, SGD, ArrayDataset, Equal, TrialSpec, binary, classification, regression
from mtlray.errors import DataError, SpecError
from mtlray.identity.codec import canonical_json

TASKS = (classification("kind", classes=3), binary("big"), regression("size", unit="cm"))

DAYS = pd.Series(pd.date_range("2020", periods=60))


def arrays(n=60):
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, (n, 2))
    size = 100 + 10 * x[:, 0]
    return {"a": x[:, 0], "b": x[:, 1], "kind": np.arange(n) % 3, "big": (size > 150).astype(int), "size": size}


def frame(**changes):
    return pd.DataFrame(arrays()).assign(**changes)


def made(source=arrays, **settings):
    return ArrayDataset(**{"name": "mine", "source": source, "tasks": TASKS} | settings)


def loaded(dataset, root):
    mark = dataset.prepare(root)
    found = dataset.load(root)
    assert found.fingerprint == mark
    return found


def values(examples, task=None):
    column = examples.inputs if task is None else examples.targets[task]
    return column.gather(torch.arange(len(examples))[None], torch.float64)[0]


@pytest.mark.parametrize("kind", ["function", "frame", "csv", "csv.gz", "parquet", "npz"])
def test_every_source_gives_the_same_data(kind, tmp_path):
    path = tmp_path / f"table.{kind}"
    if kind.startswith("csv"):
        frame().to_csv(path, index=False)
    elif kind == "parquet":
        frame().to_parquet(path)
    elif kind == "npz":
        np.savez(path, **arrays())
    dataset = made({"function": arrays, "frame": frame}.get(kind, path))
    found, expected = loaded(dataset, tmp_path / "one"), loaded(made(), tmp_path / "two")
    assert dataset.input_shape == (2,)
    for split in ("train", "val", "test"):
        assert len(found.splits[split]) == dataset.n_examples(split)
        torch.testing.assert_close(values(found.splits[split]), values(expected.splits[split]))
        for task in ("kind", "big", "size"):
            torch.testing.assert_close(values(found.splits[split], task), values(expected.splits[split], task))


def test_inputs_are_standardised_by_the_training_examples_alone(tmp_path):
    train, test = (loaded(made(), tmp_path).splits[split] for split in ("train", "test"))
    torch.testing.assert_close(values(train).mean(dim=0), torch.zeros(2, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        values(train).std(dim=0, correction=0), torch.ones(2, dtype=torch.float64), atol=1e-6, rtol=0
    )
    assert values(test).mean(dim=0).abs().max() > 1e-3
    plain = loaded(made(standardize=False), tmp_path).splits["train"]
    assert values(plain).mean() > 3


def test_regressions_are_trained_in_standard_deviations_and_measured_in_their_unit(tmp_path):
    dataset = made()
    (task,) = (task for task in dataset.tasks if task.name == "size")
    train = loaded(dataset, tmp_path).splits["train"]
    labels = values(train, "size")
    assert (task.loss.mean, task.loss.std) == pytest.approx((float(labels.mean()), float(labels.std(correction=0))))
    prediction = (labels - task.loss.mean) / task.loss.std
    assert float(task.loss(prediction[None], labels[None])[0]) == pytest.approx(0, abs=1e-12)
    off_by_two = prediction + 2 / task.loss.std
    for metric in task.metrics[:2]:
        kept = metric.update(metric.init(1, torch.device("cpu")), off_by_two[None], labels[None])
        assert float(metric.compute(kept)[0]) == pytest.approx(2)
    raw = made(standardize=False).tasks[2]
    assert (raw.loss.mean, raw.loss.std) == (0, 1)


def test_splits_are_drawn_once_and_do_not_overlap():
    rows = made(val=6, test=0.25)._rows
    assert [len(rows[s]) for s in ("train", "val", "test")] == [39, 6, 15]
    assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(60))
    again, other = made(val=6, test=0.25)._rows, made(val=6, test=0.25, data_seed=1)._rows
    assert all(np.array_equal(rows[s], again[s]) for s in rows)
    assert not np.array_equal(rows["test"], other["test"])


def test_no_group_is_in_two_splits():
    dataset = made(lambda: frame(person=np.arange(60) // 4), group="person", val=0.2, test=0.2)
    of_group = [set((rows // 4).tolist()) for rows in dataset._rows.values()]
    assert set.union(*of_group) == set(range(15))
    assert sum(map(len, of_group)) == 15
    assert dataset.input_shape == (2,), "the group is no input"
    assert {split: dataset.n_examples(split) for split in ("val", "test")} == {"val": 12, "test": 12}


def test_a_column_may_hold_the_splits():
    split = np.array(["train"] * 40 + ["Val"] * 5 + ["test"] * 15)
    dataset = made(lambda: frame(part=split), split="part")
    assert [rows.tolist() for rows in dataset._rows.values()] == [[*range(40)], [*range(40, 45)], [*range(45, 60)]]


def test_missing_labels(tmp_path):
    def some():
        every_third = np.where(np.arange(60) % 3, np.nan, 1)
        table = frame(kind=np.where(np.arange(60) % 2, -1, 2), big=every_third).astype({"size": float})
        table.loc[::3, "size"] = np.nan
        return table

    train = loaded(made(some), tmp_path).splits["train"]
    assert set(values(train, "kind").tolist()) == {-1, 2}
    assert set(values(train, "big").tolist()) == {-1, 1}
    assert 0 < int(values(train, "size").isnan().sum()) < len(train)


@pytest.mark.parametrize(("shape", "expected"), [((8, 9), (1, 8, 9)), ((3, 8, 9), (3, 8, 9))])
def test_images(shape, expected, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, *shape), dtype=np.uint8)
    dataset = made(lambda: {"x": images, **{name: arrays()[name] for name in ("kind", "big", "size")}})
    assert dataset.input_shape == expected
    test = loaded(dataset, tmp_path).splits["test"]
    first = values(test)[0]
    torch.testing.assert_close(first, torch.tensor(images[dataset._rows["test"][0]] / 255).view(expected))


def test_what_the_data_are_is_the_identity_and_not_where_they_lie(tmp_path):
    one, other, changed = tmp_path / "one.csv", tmp_path / "other.csv", tmp_path / "changed.csv"
    for path in (one, other):
        frame().to_csv(path, index=False)
    frame(a=arrays()["a"] + 1e-9).to_csv(changed, index=False)
    ids = [canonical_json(made(path)) for path in (one, other, changed)]
    assert ids[0] == ids[1] != ids[2]
    assert str(tmp_path) not in ids[0]
    assert canonical_json(made()) == canonical_json(made(lambda: arrays()))
    assert canonical_json(made()) != canonical_json(made(lambda: arrays() | {"a": arrays()["b"]}))
    for change in ({"val": 0.2}, {"data_seed": 1}, {"standardize": False}, {"inputs": ("a",)}, {"tasks": TASKS[:2]}):
        assert canonical_json(made(**change)) != canonical_json(made())
    assert canonical_json(made(about="a table of mine")) == canonical_json(made())


def test_data_that_change_behind_the_sweep_are_noticed(tmp_path):
    path = tmp_path / "table.csv"
    frame().to_csv(path, index=False)
    dataset = made(path)
    frame(a=0.0).to_csv(path, index=False)
    with pytest.raises(DataError, match="It has changed since"):
        dataset.prepare(tmp_path / "root")


def test_a_worker_needs_the_prepared_arrays_alone(tmp_path):
    path = tmp_path / "table.csv"
    frame().to_csv(path, index=False)
    dataset = made(path)
    dataset.prepare(tmp_path / "root")
    there = pickle.loads(pickle.dumps(dataset))
    path.unlink()
    assert (there.input_shape, there.n_examples("train")) == ((2,), 42)
    assert len(there.load(tmp_path / "root").splits["train"]) == 42
    assert there == dataset
    assert len(pickle.dumps(dataset)) < 5000


def test_an_input_that_does_not_vary_is_zero(tmp_path):
    train = loaded(made(lambda: frame(a=7)), tmp_path).splits["train"]
    assert not values(train)[:, 0].any()


def test_what_does_not_vary_but_for_rounding_is_zero(tmp_path):
    dataset = made(lambda: frame(a=0.1, size=0.1))  # the deviation of 42 times 0.1 is 1e-17
    train = loaded(dataset, tmp_path).splits["train"]
    assert not values(train)[:, 0].any()
    assert dataset.tasks[2].loss.std == 1


def test_classes_may_be_a_column_of_an_array(tmp_path):
    found = loaded(made(lambda: arrays() | {"kind": arrays()["kind"][:, None]}), tmp_path)
    assert values(found.splits["train"], "kind").shape == (42,)


def test_a_function_that_returns_other_data_each_time_is_noticed(tmp_path):
    def unsteady():
        return frame(a=np.random.default_rng().normal(size=60))

    with pytest.raises(DataError, match="should return the same data each time and on each machine"):
        made(unsteady).prepare(tmp_path)


def test_a_trial_on_it_is_its_own(tmp_path):
    trial = TrialSpec(dataset=made(), model=MLP(), strategy=Equal(), optimizer=SGD(lr=0.1), steps=3, batch_size=8)
    assert trial.n_train == 42
    assert dataclasses.replace(trial, dataset=made(val=0.2)).trial_id != trial.trial_id


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"tasks": (binary("bigg"),)}, "Task bigg should be the column `bigg` of .* Did you mean `big`"),
        ({"inputs": ("a", "c")}, "An input should be the column `c` of the function"),
        ({"split": "part"}, "The split should be the column `part`"),
        ({"group": "who"}, "The group should be the column `who`"),
        (
            {"tasks": (classification("kind", classes=2),)},
            "Task kind should have classes from 0 to 1, .* Found 2 in 20 examples",
        ),
        ({"tasks": (binary("size"),)}, "Task size should have classes from 0 to 1"),
        ({"tasks": (regression("size", outputs=2),)}, r"labels of shape \[2\] an example. Found \[\]"),
        ({"source": lambda: frame(a="red")}, "An input, column `a`, should hold numbers. Found `red`"),
        ({"source": lambda: frame(kind="red")}, "Task kind, column `kind`, should hold numbers. Found `red`"),
        ({"source": lambda: frame(a=[np.nan, np.inf] + [1.0] * 58)}, "Input `a` should hold finite numbers. 2 of 60"),
        ({"source": lambda: {"a": np.zeros(3), "big": np.zeros(4)}}, "should have the same number of examples"),
        ({"source": lambda: frame().iloc[:0]}, "should have the same number of examples, at least one"),
        ({"source": lambda: frame(part="trian"), "split": "part"}, "should hold train, val or test. Found trian"),
        (
            {"source": lambda: frame(part="train"), "split": "part"},
            "at least one example for test. Found 60 for train, 0 for val",
        ),
        ({"val": 10, "test": 50}, "at least one example for train"),
        (
            {"source": lambda: frame(who=1), "group": "who"},
            "6 of 60 examples should be held out for val. Found too few groups",
        ),
        ({"val": 0.5, "test": 0.6}, "30 of 60 examples should be held out for val. Found too few examples left"),
        ({"source": "nowhere.csv"}, "should be the file .*nowhere.csv. Found none"),
        ({"source": lambda: frame(a=1 + 2j)}, "column `a`, should hold real numbers. Found complex numbers"),
        ({"source": lambda: frame(a=DAYS)}, "An input, column `a`, should hold real numbers. Found dates"),
        ({"source": lambda: frame(a=DAYS.where(np.arange(60) > 1))}, "should hold real numbers. Found dates"),
        ({"source": lambda: frame(size=DAYS - DAYS[0])}, "Task size, column `size`, .* Found lengths of time"),
        ({"source": lambda: frame(a=[[1.0, 2.0]] * 60)}, "one number for each example. Found several, such as `\\[1.0"),
        ({"source": lambda: arrays() | {"a": [[[1, 2], [3]]] * 60}}, "should be an array `\\[example, ...\\]`"),
        ({"source": lambda: frame(a=1e39), "standardize": False}, "Input `a` should hold numbers up to 3.4e"),
        ({"source": lambda: frame(size=1e39)}, "Task size should have finite labels .* Found 60"),
        ({"source": lambda: frame(size=np.inf)}, "Task size should have finite labels .* Found 60"),
        ({"source": lambda: arrays() | {"kind": np.eye(3)[np.arange(60) % 3]}}, r"labels of shape \[3\]. .*argmax"),
        ({"source": lambda: arrays() | {"x": np.zeros((60, 0))}}, "at least one input. Found none in `x`"),
        ({"source": lambda: arrays() | {"x": np.zeros((60, 8, 8, 3), np.uint8)}}, "channels seem to come last"),
        ({"source": lambda: frame(kind=-1)}, "Task kind should have a label in each split. .* 42 examples for train"),
        ({"source": lambda: frame(size=[1.0] + [np.nan] * 59)}, "Task size should have a label in each split"),
        ({"source": lambda: frame(who=["a", None] * 30), "group": "who"}, "hold the group of each .* Found 30 without"),
        ({"source": lambda: frame(who=[1, np.nan] * 30), "group": "who"}, "hold the group of each .* Found 30 without"),
        ({"source": lambda: arrays() | {"who": np.zeros((60, 2))}, "group": "who"}, "one group for each example"),
        (
            {"source": lambda: frame(who=1, part=["train", "test"] * 30), "group": "who", "split": "part"},
            "one group of column `who` should be in one split. Found `1` for train and for test",
        ),
        ({"source": lambda: pd.concat([frame(), frame()[["a"]]], axis=1)}, "Found `a` more than once"),
        ({"inputs": "a", "tokens": "words"}, "should hold a text for each example. Found `5.37"),
        ({"source": lambda: arrays() | {"a": [[1.5, 2.0]] * 60}, "inputs": "a", "tokens": "ids"}, "a list of integers"),
    ],
)
def test_bad_data_are_refused(change, match, tmp_path):
    with pytest.raises(DataError, match=match):
        made(**change).prepare(tmp_path)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"name": "my data"}, "name` should consist of letters"),
        ({"tasks": ()}, "tasks` should be tasks, such as"),
        ({"tasks": ("big",)}, "tasks` should be tasks, such as"),
        ({"tasks": (binary("big"), binary("big"))}, "tasks` should have a name each"),
        ({"val": 1.5}, "val` should be a share"),
        ({"test": -1}, "test` should be a share"),
        ({"source": "table.xlsx"}, "reads files that end in .csv"),
        ({"source": lambda: 3}, "should return a dict of arrays, or a data frame. Found int"),
        ({"source": None}, "source of an ArrayDataset should be the path of a file, .* Found NoneType"),
        ({"source": np.zeros(3)}, "Found ndarray. Of data at hand write a function"),
        ({"source": arrays()}, "Found ndarray. Of data at hand write a function"),
        ({"inputs": None}, "inputs` should be names of columns in their order"),
        ({"inputs": {"a", "b"}}, "inputs` should be names of columns in their order"),
        ({"standardize": "no"}, "standardize` should be True or False"),
        ({"group": 3}, "group` should be the name of a column, or None"),
        ({"max_length": 3}, "max_length` should be left out where there are no `tokens`"),
    ],
)
def test_bad_settings_are_refused(change, match):
    with pytest.raises(SpecError, match=match):
        made(**change)


def test_a_damaged_file_is_one_clear_error(tmp_path):
    for name in ("table.parquet", "table.npz", "table.csv.gz"):
        Path(tmp_path, name).write_bytes(b"PK\3\4 not what it says")
        with pytest.raises(DataError, match=f"{name} should be a readable"):
            made(tmp_path / name)


# -- tasks with examples of their own


def of_domains(n=(20, 30, 10)):
    found = arrays()
    domain = np.repeat(["kind", "big", "size"], n)
    label = np.where(domain == "kind", found["kind"], np.where(domain == "big", found["big"], found["size"]))
    return {"a": found["a"], "b": found["b"], "domain": domain, "label": label}


def test_a_column_may_say_whose_an_example_is(tmp_path):
    dataset = made(of_domains, task_column="domain")
    found = loaded(dataset, tmp_path)
    assert dataset.input_shape == (2,)
    assert dict(dataset.own_examples) == {"kind": 14, "big": 21, "size": 7}
    for task, (n_train, n_val, n_test) in {"kind": (14, 2, 4), "big": (21, 3, 6), "size": (7, 1, 2)}.items():
        for split, n in (("train", n_train), ("val", n_val), ("test", n_test)):
            there = values(found.splits[split], task).flatten()
            assert int((there >= 0 if task != "size" else ~there.isnan()).sum()) == n
    labels = torch.stack([values(found.splits["train"], t).flatten() for t in ("kind", "big")])
    assert ((labels >= 0).sum(dim=0) <= 1).all()
    assert "task_column" in canonical_json(dataset)
    assert "task_column" not in canonical_json(made())
    travelled = pickle.loads(pickle.dumps(dataset))
    assert travelled.own_examples == dataset.own_examples
    assert "_task_of" not in vars(travelled)


def test_several_sources_are_one_with_a_column(tmp_path):
    whole, parts = of_domains(), {}
    for task in ("kind", "big", "size"):
        rows = whole["domain"] == task
        np.savez(tmp_path / f"{task}.npz", **{name: whole[name][rows] for name in ("a", "b", "label")})
        parts[task] = tmp_path / f"{task}.npz"
    dataset, other = made(parts), made(of_domains, task_column="domain")
    found, expected = loaded(dataset, tmp_path / "one"), loaded(other, tmp_path / "two")
    assert dataset.own_examples == other.own_examples
    for split in ("train", "val", "test"):
        torch.testing.assert_close(values(found.splits[split]), values(expected.splits[split]))
        for task in ("kind", "big", "size"):
            one, two = (values(d.splits[split], task) for d in (found, expected))
            torch.testing.assert_close(one, two, equal_nan=True)
    assert made(parts).content == dataset.content
    np.savez(tmp_path / "big.npz", a=[1.0], b=[1.0], label=[1])
    with pytest.raises(DataError, match="It has changed since"):
        dataset.prepare(tmp_path / "three")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"domain": ["other"] * 60}, "`domain` should hold names of tasks: kind, big, size. Found `other`"),
        ({"domain": ["kind"] * 60}, "Each task should have examples of its own in column `domain`. Found none of big"),
        (
            {"domain": ["kind"] * 57 + ["big"] * 2 + ["size"]},
            "Each task of mine should have an example for test. Found none",
        ),
        ({"label": [7] * 60}, "Task kind should have classes from 0 to 2"),
        ({"label": ["x"] * 60}, "should hold numbers. Found `x`"),
    ],
)
def test_bad_columns_of_own_examples_are_refused(change, match):
    with pytest.raises(DataError, match=match):
        made(lambda: of_domains() | {n: np.array(v) for n, v in change.items()}, task_column="domain").own_examples  # noqa: B018


def test_sources_that_do_not_fit_are_refused(tmp_path):
    np.savez(tmp_path / "one.npz", a=[1.0], label=[1])
    np.savez(tmp_path / "two.npz", b=[1.0], label=[1])
    with pytest.raises(DataError, match="The sources of all tasks should have the same columns"):
        made({"kind": tmp_path / "one.npz", "big": tmp_path / "two.npz"}).content  # noqa: B018


def test_an_index_that_pandas_wrote_is_no_input(tmp_path):
    frame().to_csv(tmp_path / "table.csv")
    with pytest.raises(DataError, match=r"Each column of table.csv should have a name. .* `index=False`"):
        made(tmp_path / "table.csv")
    assert made(tmp_path / "table.csv", inputs=("a", "b")).input_shape == (2,)


def test_another_separator_is_named(tmp_path):
    frame().to_csv(tmp_path / "table.csv", sep=";", index=False)
    with pytest.raises(DataError, match="seem to be separated by ';': let a function return"):
        made(tmp_path / "table.csv")
