"""What a person sees while a sweep runs: one steady line on a terminal, plain lines elsewhere, failures at once."""

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from mtlray.specs import TrialSpec

_PLAIN_EVERY = 30.0  # seconds between plain lines, which are also written at each tenth of the work


def name(trial: TrialSpec) -> str:
    """One trial in words."""
    return (
        f"{trial.dataset.label} {trial.strategy.label} {100 * trial.fraction:g} % seed {trial.seed} ({trial.trial_id})"
    )


def duration(seconds: float) -> str:
    """Seconds as a person says them: 45 s, 12 min, 3.4 h, 2.1 d."""
    for limit, unit, size in ((90, "s", 1), (5400, "min", 60), (172_800, "h", 3600)):
        if seconds < limit:
            value = seconds / size
            return f"{value:.1f} {unit}" if unit == "h" else f"{value:.0f} {unit}"
    return f"{seconds / 86_400:.1f} d"


class Terminal(Console):
    """Where a sweep says how far it is. It goes on when nobody reads that any more, as in `| head`; rich would end it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Display:
    """Counts trials and steps. Never raises into whoever reports to it."""

    def __init__(self, trials: Sequence[TrialSpec], console: Console) -> None:
        self._console = console
        self._total = sum(trial.steps for trial in trials)
        self._n_trials = len(trials)
        self._steps: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._ended = {"done": 0, "diverged": 0, "failed": 0}
        self._started = self._last_plain = time.monotonic()
        self._tenth = 0
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"), console=console, transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task(self._counts(), total=self._total, left="")

    def __enter__(self) -> "Display":
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(text, highlight=False, soft_wrap=True, markup=False)

    def step(self, trial: TrialSpec, step: int) -> None:
        """A trial stands at a step."""
        self._first.setdefault(trial.trial_id, step)
        self._steps[trial.trial_id] = step
        self.refresh()

    def ended(self, trial: TrialSpec, state: str, error: str) -> None:
        """A trial's results are committed."""
        self._ended[state] += 1
        self._first.setdefault(trial.trial_id, 0)
        self._steps[trial.trial_id] = trial.steps
        if state != "done":
            self.note(f"{state}: {name(trial)}: {error}")
        self.refresh()

    def refresh(self) -> None:
        """Show the present state, on a terminal at any rate, elsewhere now and then."""
        share = sum(self._steps.values()) / self._total if self._total else 1.0
        if self._bar is not None:
            self._bar.update(
                self._task, completed=sum(self._steps.values()), description=self._counts(), left=self._left()
            )
            return
        now = time.monotonic()
        if int(10 * share) > self._tenth or now - self._last_plain > _PLAIN_EVERY:
            self._tenth, self._last_plain = int(10 * share), now
            self.note(f"{100 * share:3.0f} %  {self._counts()}  {self._left()}")

    def _counts(self) -> str:
        troubles = "".join(f", {n} {state}" for state, n in self._ended.items() if n and state != "done")
        return f"{sum(self._ended.values())}/{self._n_trials} trials{troubles}"

    def _left(self) -> str:
        here = sum(step - self._first[trial_id] for trial_id, step in self._steps.items())
        elapsed = time.monotonic() - self._started
        if here <= 0 or elapsed < 3:
            return ""
        return f"about {duration((self._total - sum(self._steps.values())) * elapsed / here)} left"
