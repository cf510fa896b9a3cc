"""Batches of a split by their number. Those of a large one are gathered ahead by a thread, from memory maps.

What a batch holds is a function of its number, so that neither the thread nor its timing changes anything. Trials on one machine
read the same files, and the system keeps one copy of them in memory for all.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch
from torch import Tensor

from mtlray.axes import Indices
from mtlray.data.base import Column, Examples

# Neither changes a number.
LARGE = 256 * 2**20  # bytes; below, a batch is gathered when it is asked for
RESIDENT = 2 * 2**30  # bytes; up to here a split is copied to the GPU as a whole
_AHEAD = 3  # batches
_BESIDE = 2**26  # bytes; up to here columns of one number an example are copied to lie side by side

T = TypeVar("T")


class Ahead(Generic[T]):
    """The values of a function at first, first + 1 and so on up to `end`, each computed by a thread before it is asked for."""

    def __init__(self, make: Callable[[int], T], end: int) -> None:
        self._make, self._end = make, end
        self._next = -1
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue()

    def at(self, n: int) -> T:
        """The value at `n`. Starts anew where `n` is not the number after the last one; raises what the function raises."""
        if n != self._next or self._thread is None:
            self.close()
            self._start(n)
        value, error = self._ready.get()
        self._next = n + 1
        if error is not None:
            self.close()
            raise error
        return value  # type: ignore[return-value]  # None only beside an error

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def _start(self, first: int) -> None:
        self._stop = threading.Event()
        self._ready = queue.Queue(maxsize=_AHEAD)
        # Its own event and queue: nothing of a thread that was stopped can reach the next one.
        self._thread = threading.Thread(
            target=self._run, args=(first, self._stop, self._ready), name="batches", daemon=True
        )
        self._thread.start()

    def _run(
        self, first: int, stop: threading.Event, ready: "queue.Queue[tuple[T | None, BaseException | None]]"
    ) -> None:
        for n in range(first, self._end):
            entry: tuple[T | None, BaseException | None]
            try:
                entry = self._make(n), None
            except BaseException as error:
                entry = None, error
            while not stop.is_set():
                try:
                    ready.put(entry, timeout=0.1)
                    break
                except queue.Full:
                    pass
            if stop.is_set() or entry[1] is not None:
                return


@dataclass(frozen=True, slots=True)
class _Read:
    """Columns that are read with one call: the places of those that lie side by side in `column`, or of one."""

    places: tuple[int, ...]
    column: Column

    def decode(self, rows: Tensor, dtype: torch.dtype) -> Sequence[Tensor]:
        """Each column's part of rows, decoded, without gaps."""
        if len(self.places) == 1:
            return [self.column.decode(rows, dtype)]
        return self.column.decode(rows.movedim(2, 0).contiguous(), dtype).unbind(0)


def _reads(columns: Sequence[Column]) -> list[_Read]:
    """How to read the columns: those of many tasks with one label or number an example together."""
    kinds: dict[tuple[object, ...], list[int]] = {}
    for place, column in enumerate(columns):
        values = column.values
        joins = values.ndim == 1 and column.kind in ("label", "number") and len(columns) * values.nbytes <= _BESIDE
        kind = (column.kind, column.scale, values.dtype, values.device) if joins else (place,)
        kinds.setdefault(kind, []).append(place)
    reads = []
    for places in kinds.values():
        column = columns[places[0]]
        if len(places) > 1:
            column = replace(column, values=torch.stack([columns[place].values for place in places], dim=1))
        reads.append(_Read(tuple(places), column))
    return reads


class Batches:
    """Inputs and targets of a split, by the number of the batch.

    `indices(n)` are the examples of batch `n`, `[seed, batch]`, for `n` below `end`; it is called by one thread at a time.
    `waited` counts the seconds that were spent on waiting for data.
    """

    def __init__(
        self,
        examples: Examples,
        tasks: Sequence[str],
        indices: Callable[[int], Indices],
        end: int,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._reads = _reads([examples.inputs, *(examples.targets[name] for name in tasks)])
        self._indices, self._examples = indices, examples
        self._device, self._dtype = device, dtype
        self._lies_on = examples.inputs.values.device
        large = self._lies_on.type == "cpu" and examples.n_bytes > LARGE
        self._ahead = Ahead(lambda n: self._gather(indices(n)), end) if large else None
        self.waited = 0.0

    def at(self, n: int) -> tuple[Tensor, list[Tensor]]:
        """Inputs and each task's targets of batch `n`, on the device."""
        started = time.monotonic()
        stored = self._ahead.at(n) if self._ahead is not None else self._gather(self._indices(n))
        self.waited += time.monotonic() - started
        return self._decoded(stored)

    def of(self, indices: Indices) -> tuple[Tensor, list[Tensor]]:
        """Inputs and targets of any examples of the split, `[seed, batch]`; the numbered batches do not notice."""
        return self._decoded(self._gather(indices))

    def _decoded(self, stored: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        # Decoded where the network is: a GPU divides differently, and it should do so wherever the split lies.
        found: dict[int, Tensor] = {}
        for read, rows in zip(self._reads, stored, strict=True):
            found.update(
                zip(read.places, read.decode(rows.to(self._device, non_blocking=True), self._dtype), strict=True)
            )
        inputs, *targets = (found[place] for place in range(len(found)))
        return inputs, targets

    def close(self) -> None:
        """End the thread, where there is one."""
        if self._ahead is not None:
            self._ahead.close()

    def _gather(self, indices: Indices) -> list[Tensor]:
        located = self._examples.located(indices.to(self._lies_on, non_blocking=True))
        rows = [read.column.stored(located) for read in self._reads]
        pinned = self._lies_on.type == "cpu" and self._device.type == "cuda"
        return [r.pin_memory() for r in rows] if pinned else rows


def place(examples: Examples, device: torch.device) -> Examples:
    """The split on the device, or where it is if it is too large for that."""
    return examples if examples.n_bytes > RESIDENT else examples.to(device)
