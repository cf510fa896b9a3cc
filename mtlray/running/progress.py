"""What a person sees while a sweep runs: one bar on a terminal or in a notebook, plain lines elsewhere, failures at once."""

import os
import sys
import time
from collections.abc import Collection, Sequence
from types import TracebackType

from rich.console import Console

from mtlray.planning.wording import duration, name
from mtlray.results.states import Ending, TrialState
from mtlray.running.bars import bar_for
from mtlray.specs import TrialSpec
from mtlray.words.masking import masked

_PLAIN_EVERY = 30.0  # seconds between plain lines, which are also written at each tenth of the work
_SPEED_AFTER = 5.0  # seconds from the first report on until a speed is told


class Terminal(Console):
    """Where a sweep shows its progress. It keeps running when nobody reads that any more, as in `| head`; rich would end it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Display:
    """Counts trials and steps. Never raises into whoever reports to it."""

    def __init__(self, trials: Sequence[TrialSpec], console: Console, started: Collection[str] = ()) -> None:
        """`started` are the ids of trials that may continue from a checkpoint."""
        self._console = console
        self._resumable = frozenset(started)
        self._total = sum(trial.steps for trial in trials)
        self._n_trials = len(trials)
        self._steps: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._ended = {state: 0 for state in TrialState if state.is_finished}
        self._began: tuple[float, int] | None = None  # the first report: when, and the steps made by then
        self._last_plain = time.monotonic()
        self._tenth = 0
        self._bar = bar_for(console, self._total, self._counts())

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
        self._console.print(masked(text), highlight=False, soft_wrap=True, markup=False)

    def step(self, trial: TrialSpec, step: int) -> None:
        """A trial stands at a step."""
        self._stands(trial, step)
        self.refresh()

    def ended(self, trial: TrialSpec, ending: Ending) -> None:
        """A trial's results are committed."""
        self._ended[ending.state] += 1
        stood = self._steps.get(trial.trial_id, 0)
        made = stood - self._first.get(trial.trial_id, stood)
        self._stands(trial, trial.steps)
        if ending.state is not TrialState.DONE:
            self._first[trial.trial_id] = trial.steps - made  # nobody makes the rest
            self.note(f"{ending.state}: {name(trial)}: {ending.text}")
        self.refresh()

    def refresh(self) -> None:
        """Show the present state: always on a terminal, elsewhere now and then."""
        share = sum(self._steps.values()) / self._total if self._total else 1.0
        if self._bar is not None:
            self._bar.update(sum(self._steps.values()), self._counts(), self._left())
            return
        now = time.monotonic()
        if int(10 * share) > self._tenth or now - self._last_plain > _PLAIN_EVERY:
            self._tenth, self._last_plain = int(10 * share), now
            self.note(f"{100 * share:3.0f} %  {self._counts()}  {self._left()}".rstrip())

    def _stands(self, trial: TrialSpec, step: int) -> None:
        # Where a trial went on from is not reported; it is taken for where it first stands.
        self._first.setdefault(trial.trial_id, step if trial.trial_id in self._resumable else 0)
        self._steps[trial.trial_id] = step
        if self._began is None:
            self._began = time.monotonic(), self._made()

    def _made(self) -> int:
        """Steps made in this launch."""
        return sum(step - self._first[trial_id] for trial_id, step in self._steps.items())

    def _counts(self) -> str:
        troubles = "".join(f", {n} {state}" for state, n in self._ended.items() if n and state is not TrialState.DONE)
        return f"{sum(self._ended.values())}/{self._n_trials} trials{troubles}"

    def _left(self) -> str:
        """The time left at the speed since the first report: the time that Ray and its workers take to start is not counted."""
        left = self._total - sum(self._steps.values())
        if self._began is None or left <= 0:
            return ""
        at, before = self._began
        elapsed, made = time.monotonic() - at, self._made() - before
        if made <= 0 or elapsed < _SPEED_AFTER:
            return ""
        return f"about {duration(left * elapsed / made)} left"
