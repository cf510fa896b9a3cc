"""Batches gathered ahead are the batches gathered when asked for, whatever the timing."""

import threading
import time

import pytest
import torch

from mtlray.data.base import Column, Examples
from mtlray.data.batches import Ahead, Batches, place

CPU = torch.device("cpu")


def examples(n=50, rows=None):
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randint(256, (n, 3, 4, 4), dtype=torch.uint8, generator=rng)
    targets = {
        "label": Column(torch.randint(-1, 5, (n,), dtype=torch.int8, generator=rng), "label"),
        "depth": Column(torch.randint(0, 9000, (n, 1, 4, 4), dtype=torch.int16, generator=rng), "number", 0.001),
        "normals": Column(torch.randint(-127, 128, (n, 4, 4, 4), dtype=torch.int8, generator=rng), "direction"),
    }
    return Examples(Column(inputs, "image"), targets, rows)


def indices(n):
    return torch.stack([(torch.arange(6) * 7 + n) % 20, (torch.arange(6) * 3 + n) % 20])


def everything(split, n_batches=12):
    batches = Batches(split, ["depth", "normals", "label"], indices, n_batches, device=CPU, dtype=torch.float32)
    try:
        return [batches.at(n) for n in range(n_batches)]
    finally:
        batches.close()


@pytest.mark.parametrize("rows", [None, torch.arange(49, 9, -2)], ids=["all", "some"])
def test_the_thread_changes_nothing(monkeypatch, rows):
    plain = everything(examples(rows=rows))
    monkeypatch.setattr("mtlray.data.batches.LARGE", 0)
    ahead = everything(examples(rows=rows))
    for (inputs, targets), (other, others) in zip(plain, ahead, strict=True):
        assert torch.equal(inputs, other)
        assert all(map(torch.equal, targets, others))
    located = indices(3) if rows is None else rows[indices(3)]
    assert torch.equal(plain[3][0], examples().inputs.values[located].float() / 255)
    normals = plain[3][1][1]
    length = normals[:, :, :3].norm(dim=2)
    assert torch.allclose(length, torch.ones_like(length))
    assert torch.equal(normals[:, :, 3], examples().targets["normals"].values[located][:, :, 3].float())


def test_values_come_in_order_and_from_anywhere():
    ahead = Ahead(lambda n: n * n, 100)
    assert [ahead.at(n) for n in (0, 1, 2, 50, 51, 3, 99)] == [0, 1, 4, 2500, 2601, 9, 9801]
    ahead.close()


def test_a_few_are_made_before_they_are_asked_for():
    made = []

    def make(n):
        made.append(n)
        return n

    ahead = Ahead(make, 100)
    ahead.at(0)
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert 4 <= len(made) <= 5  # three wait, and one may stand at the door
    ahead.close()


def test_errors_come_to_whoever_asks_and_the_thread_ends():
    before = threading.active_count()

    def make(n):
        if n == 2:
            raise OSError("the disk is gone")
        return n

    ahead = Ahead(make, 100)
    assert [ahead.at(0), ahead.at(1)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        ahead.at(2)
    other = Ahead(make, 100)
    other.at(0)
    other.close()
    assert threading.active_count() == before


def test_a_split_too_large_for_the_device_stays(monkeypatch):
    split = examples()
    assert split.n_bytes == 50 * (48 + 1 + 2 * 16 + 64)
    assert place(split, torch.device("meta")).inputs.values.device.type == "meta"
    monkeypatch.setattr("mtlray.data.batches.RESIDENT", split.n_bytes - 1)
    assert place(split, torch.device("meta")) is split


def test_columns_of_one_number_that_are_read_together_are_those_read_one_by_one(monkeypatch):
    rng = torch.Generator().manual_seed(0)
    table = torch.randint(-1, 2, (50, 3), dtype=torch.int8, generator=rng)
    targets = {f"yes{i}": Column(table[:, i], "label") for i in range(3)}
    targets |= {f"size{i}": Column(torch.randn(50, generator=rng), "number", 0.3) for i in range(2)}
    targets |= {"far": Column(torch.randn(50, generator=rng), "number", 0.7), "many": Column(table.float(), "number")}
    names = ["size1", "yes2", "many", "yes0", "far", "size0", "yes1"]
    split = Examples(Column(torch.randn(50, 4, generator=rng), "number"), targets, torch.arange(49, 9, -2))

    def read():
        return Batches(split, names, indices, 5, device=CPU, dtype=torch.float64).at(2)

    together = read()
    monkeypatch.setattr("mtlray.data.batches._BESIDE", 0)
    alone = read()
    for found, name in zip(together[1], names, strict=True):
        assert torch.equal(found, targets[name].gather(split.rows[indices(2)], torch.float64)), name
    assert torch.equal(together[0], alone[0])
    assert all(a.stride() == b.stride() and torch.equal(a, b) for a, b in zip(together[1], alone[1], strict=True))
