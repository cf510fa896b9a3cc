"""Bars of progress: rich's on a terminal, tqdm's in a notebook that has it; elsewhere there is none, and plain lines tell."""

import contextlib
import importlib.util
import sys
from abc import ABC, abstractmethod
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


class Bar(ABC):
    """One bar, from `start` to `stop`."""

    @abstractmethod
    def start(self) -> None:
        """Show it."""

    @abstractmethod
    def update(self, completed: int, description: str, left: str) -> None:
        """The present state: steps made, counts, and the time left, in words."""

    @abstractmethod
    def stop(self) -> None:
        """Take it away, or leave it as it is."""


def bar_for(console: Console, total: int, description: str) -> Bar | None:
    """The bar for steps of all trials; None where plain lines are to be written."""
    if isinstance(console, NotebookConsole):
        return _Tqdm(total, description) if console.has_widgets else None
    return _Rich(console, total, description) if console.is_terminal else None


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook. Imports nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


class NotebookConsole(Console):
    """Plain text below a notebook's cell; rich's own output there would be HTML with styles."""

    def __init__(self) -> None:
        super().__init__(force_terminal=False, force_jupyter=False, width=120)
        self.has_widgets = all(importlib.util.find_spec(name) is not None for name in ("tqdm", "ipywidgets"))


class _Rich(Bar):
    def __init__(self, console: Console, total: int, description: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"), console=console, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task(description, total=total, left="")

    def start(self) -> None:
        self._bar.start()

    def update(self, completed: int, description: str, left: str) -> None:
        self._bar.update(self._task, completed=completed, description=description, left=left)

    def stop(self) -> None:
        self._bar.stop()


class _Tqdm(Bar):
    def __init__(self, total: int, description: str) -> None:
        self._total, self._description, self._bar = total, description, None

    def start(self) -> None:
        tqdm: Any = importlib.import_module("tqdm.auto")
        self._bar = tqdm.tqdm(total=self._total, desc=self._description, unit="step")

    def update(self, completed: int, description: str, left: str) -> None:
        if self._bar is not None:
            with contextlib.suppress(Exception):  # a display that is gone ends no sweep
                self._bar.set_description(description, refresh=False)
                self._bar.set_postfix_str(left, refresh=False)
                self._bar.update(completed - self._bar.n)

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.close()
