"""The logs of one trial as a person reads them: every start of it, and what is added while it runs."""

import time
from collections.abc import Callable, Iterator

from mtlray.errors import ResultsError, SpecError
from mtlray.results.ledger import Ledger
from mtlray.results.owner import present
from mtlray.words.values import shown

_SECONDS, _SECONDS_REMOTE = 1.0, 5.0  # between two looks; on an object store each costs requests


def started_trial(ledger: Ledger, name: str) -> str:
    """The trial with an id that begins so, among those that were ever started. Raises SpecError unless there is one."""
    started = ledger.started()
    found = sorted(trial_id for trial_id in started if name and trial_id.startswith(name))
    if len(found) != 1:
        rest = f"{len(found)} of {len(started)} trials" if found else f"none among {len(started)} trials"
        raise SpecError(
            f"A trial in {ledger.store.where('')} that was started should have an id that begins with `{shown(name)}`. Found "
            f"{rest}. `mtlray status SWEEP --json` lists the ids."
        )
    return found[0]


class TrialLog:
    """Gives each line of a trial's logs once, oldest first. Raises StoreError where they cannot be read."""

    def __init__(self, ledger: Ledger, trial_id: str) -> None:
        self._ledger, self._folder = ledger, ledger.folder(trial_id)
        self._number, self._n_lines, self._at = 1, 0, ""

    def new(self) -> list[str]:
        """The lines since the last call. While a trial runs the last may say at which step it saved a checkpoint."""
        attempts = self._folder.attempts()
        lines: list[str] = []
        while self._number <= len(attempts):
            try:
                logged = self._folder.read_log(self._number).splitlines()
            except FileNotFoundError:  # the attempt is noted a moment before its log
                logged = []
            lines += logged[self._n_lines :]
            self._n_lines = len(logged)
            if self._number == len(attempts):
                break
            self._number, self._n_lines = self._number + 1, 0
        return lines + self._progress()

    def ends(self) -> bool:
        """Whether nothing will be added: the trial has a result, or no driver works on the sweep."""
        attempts = self._folder.attempts()
        finished = bool(attempts) and attempts[-1].end == "finished"
        return finished or not present(self._ledger.store)

    def lines(self, *, follow: bool, wait: Callable[[float], None] = time.sleep) -> Iterator[str]:
        """All lines, and with `follow` those that come, until the trial ends or nobody works on its sweep."""
        seconds = _SECONDS if self._ledger.store.local is not None else _SECONDS_REMOTE
        while True:
            ends = not follow or self.ends()  # before the last look, so that no line is missed
            yield from self.new()
            if ends:
                return
            wait(seconds)

    def _progress(self) -> list[str]:
        try:
            curve = self._folder.read_curve()
        except ResultsError:  # it is being replaced, or damaged; the trial itself decides about it
            return []
        now = "" if curve is None else f"at step {curve.step:,} of {curve.steps:,}"
        if now == self._at or not now:
            return []
        self._at = now
        return [f"{time.strftime('%Y-%m-%d %H:%M:%S')} {now}"]
