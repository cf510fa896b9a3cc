"""What the tests share: one thread, as a trial has, and data that is prepared once."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from places import ROOT

from mtlray.cli import main
from mtlray.data import Dataset, MultiMNIST


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """As in a trial; threads of tiny operations only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests prepare data; each data set is made once a session."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def digits_spec() -> MultiMNIST:
    """All three tasks on the 5,000 digits that need no network."""
    return MultiMNIST(source="mnist5k", task_names=("left", "right", "reconstruct"), val_digits=200)


@pytest.fixture(scope="session")
def digits(data_root: Path, digits_spec: MultiMNIST) -> Dataset:
    digits_spec.prepare(data_root)
    return digits_spec.load(data_root)


@pytest.fixture(scope="session")
def mnist_files() -> Path:
    """The folder with the four official MNIST files, where there is one."""
    return _official("mnist", "MNIST")


@pytest.fixture(scope="session")
def fashion_files() -> Path:
    """The folder with the four Fashion-MNIST files, where there is one."""
    return _official("fashion_mnist", "Fashion-MNIST")


def _official(name: str, title: str) -> Path:
    folder = (ROOT / os.environ.get("MTLRAY_TEST_DATA", "../shared/data")).resolve() / name
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"the official {title} files are not in {folder}; MTLRAY_TEST_DATA names another place")
    return folder


@pytest.fixture
def unchecked() -> Iterator[None]:
    """As for a user: values of wrong types reach mtlray's own errors and not the tests' type checks."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path, unchecked):
    """Call the command line in this process, in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MTLRAY_DATA", str(tmp_path / "data"))

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mtlray", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return call


@pytest.fixture(scope="module")
def server():
    """An S3 on loopback; see `s3_server`."""
    pytest.importorskip("moto.server")
    from s3_server import serving

    with serving() as made:
        yield made


@pytest.fixture
def uri(server, request):
    """A folder of its own on that S3 for each test."""
    server.reset()
    yield f"s3://bucket/{abs(hash(request.node.nodeid))}"
    server.reset()
