"""What is prepared: listed with its size, removed whole, and never while somebody uses or makes it."""

import multiprocessing

import numpy as np
import pytest
import worked_example

from mtlray.data.catalog.stored import describe_stored, planned_removal
from mtlray.data.files import prepared
from mtlray.data.multi_mnist.official import MNIST
from mtlray.errors import DataError, SpecError
from mtlray.specs.sweepfile import load_sweep
from mtlray.storage.system_lock import alone

SPAWN = multiprocessing.get_context("spawn")


def made(folder, n_bytes=2_000_000):
    prepared.prepare(folder, lambda: {"train-images": np.zeros(n_bytes, np.uint8)})
    return folder


def hold(folder, ready, done):
    """Another process that has arrays mapped."""
    _arrays = prepared.load(folder)
    ready.set()
    done.wait(60)


@pytest.fixture
def root(tmp_path):
    """A data folder with arrays of three data sets, an import, and a source as it was downloaded."""
    made(tmp_path / "prepared" / "points-0123abcd")
    made(tmp_path / "prepared" / "points-4567cdef", 5_000_000)
    made(tmp_path / "prepared" / "multi_mnist-sener-mnist-89abcdef")
    made(tmp_path / "mine")
    made(tmp_path / "nyuv2" / "mtan")
    MNIST.folder(tmp_path).mkdir(parents=True)
    (MNIST.folder(tmp_path) / "train-images-idx3-ubyte.gz").write_bytes(b"digits")
    (tmp_path / "website").mkdir()
    (tmp_path / "website" / "meta.json").write_text('{"title": "not ours"}')
    return tmp_path


def below(root):
    return sorted(path.parent.relative_to(root).as_posix() for path in root.rglob("meta.json"))


def test_what_is_prepared_is_listed_with_its_size(root):
    (root / "prepared" / "points-0123abcd" / "meta.json").write_text("{")
    lines = describe_stored(root).splitlines()
    assert lines[0].startswith(f"Prepared in {root}, 13.0 MB in all; `mtlray data remove NAME`")
    words = [line.split() for line in lines[1:]]
    assert [word[0] for word in words] == [
        "mine", "nyuv2/mtan", "prepared/multi_mnist-sener-mnist-89abcdef", "prepared/points-0123abcd",
        "prepared/points-4567cdef",
    ]  # fmt: skip
    assert words[3][1:] == ["2.0", "MB", "does", "not", "open"]
    mark = prepared.recorded_fingerprint(root / "mine")
    assert words[0][1:] == ["2.0", "MB", "fingerprint", mark]


def test_the_class_that_made_it_is_listed(tmp_path):
    spec = load_sweep(worked_example.write(tmp_path))[0].base.dataset
    spec.prepare(tmp_path / "data")
    assert ", made by Points@" in describe_stored(tmp_path / "data")
    assert describe_stored(tmp_path / "empty") == f"Nothing is prepared in {tmp_path / 'empty'}."


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("points", ["prepared/points-0123abcd", "prepared/points-4567cdef"]),
        ("points-4567cdef", ["prepared/points-4567cdef"]),
        ("prepared/points-4567cdef", ["prepared/points-4567cdef"]),
        ("mine", ["mine"]),
        ("mnist", ["prepared/multi_mnist-sener-mnist-89abcdef"]),
    ],
)
def test_remove_takes_what_is_named_and_nothing_else(root, name, gone):
    before = below(root)
    removal = planned_removal(name, root, sources=False)
    assert below(root) == before, "planning removes nothing"
    assert f"{len(gone)} folder" in removal.run()
    assert below(root) == [folder for folder in before if folder not in gone]
    assert (MNIST.folder(root) / "train-images-idx3-ubyte.gz").exists()


def test_sources_go_only_when_they_are_asked_for(root):
    with pytest.raises(DataError, match=r"Found none\. There are sources, which --sources removes: nyuv2/mtan\."):
        planned_removal("nyuv2", root, sources=False)
    with pytest.raises(DataError, match="which --sources removes: nyuv2/mtan"):
        planned_removal("nyuv2/mtan", root, sources=False)
    planned_removal("nyuv2", root, sources=True).run()
    assert "nyuv2/mtan" not in below(root)
    planned_removal("mnist", root, sources=True).run()
    assert not MNIST.folder(root).exists()
    assert below(root) == ["mine", "prepared/points-0123abcd", "prepared/points-4567cdef", "website"]


@pytest.mark.parametrize(
    ("name", "sources", "words"),
    [
        ("pionts-0123abcd", False, "There is no prepared data `pionts-0123abcd`. Did you mean"),
        ("website", False, "There is no prepared data `website`"),
        ("points", True, "--sources goes with a source: celeba, cifar100, clinc150, fashion, imdb_wiki, mnist, "),
        ("..", False, "There is no prepared data `..`"),
    ],
)
def test_a_name_that_is_none(root, name, sources, words):
    with pytest.raises(SpecError, match=r"(?s).*") as caught:
        planned_removal(name, root, sources=sources)
    assert words in str(caught.value)


def test_nothing_is_removed_while_another_process_reads_it(root):
    ready, done = SPAWN.Event(), SPAWN.Event()
    reader = SPAWN.Process(target=hold, args=(root / "prepared" / "points-4567cdef", ready, done))
    reader.start()
    try:
        assert ready.wait(120)
        with pytest.raises(DataError, match=f"while nothing reads it. Process {reader.pid} uses "):
            planned_removal("points", root, sources=False).run()
        assert len(below(root)) == 6, "not the other one either"
    finally:
        done.set()
        reader.join()
    planned_removal("points", root, sources=False).run()
    assert len(below(root)) == 4


def test_nothing_is_removed_while_it_is_made(root):
    with (
        alone(root / "prepared" / ".points-4567cdef.lock"),
        pytest.raises(DataError, match="while nobody makes it"),
    ):
        planned_removal("points-4567cdef", root, sources=False).run()
    assert (root / "prepared" / "points-4567cdef" / "meta.json").exists()


def test_what_a_killed_removal_left_is_no_data_and_goes_with_the_next(root):
    folder = root / "prepared" / "points-4567cdef"
    folder.rename(folder.with_name(".points-4567cdef.0a1b2c3d.tmp"))
    assert "points-4567cdef" not in describe_stored(root)
    made(folder)
    planned_removal("points-4567cdef", root, sources=False).run()
    assert not [path for path in folder.parent.iterdir() if "4567cdef" in path.name and not path.name.endswith(".lock")]
