"""How far a sweep is: each trial's state, from the ledger and from what its driver says of itself. Changes nothing."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mtlray.planning.wording import several
from mtlray.results.attempts import history
from mtlray.results.kept import kept_sizes
from mtlray.results.ledger import RESULTS_VERSION, Ledger, TrialRecord
from mtlray.results.owner import described, present, running
from mtlray.results.states import TrialState
from mtlray.specs import TrialSpec
from mtlray.specs.axes import NO_AXES, Axes
from mtlray.words.values import per_cent, shortest

_ORDER = (
    TrialState.DONE, TrialState.DIVERGED, TrialState.FAILED, TrialState.DAMAGED, TrialState.RUNNING,
    TrialState.INTERRUPTED, TrialState.WAITING,
)  # fmt: skip


class Status:
    """The state of each trial, by its id, in `states`."""

    def __init__(self, trials: Sequence[TrialSpec], ledger: Ledger, axes: Axes = NO_AXES) -> None:
        self.trials, self._ledger, self._axes = trials, ledger, axes
        self._several_rates = len({trial.optimizer for trial in trials}) > 1
        started = ledger.started()
        self.drivers = present(ledger.store)  # before the results: what ends meanwhile is not called interrupted
        at_work = running(self.drivers)
        self.records, self.damaged = ledger.records(every_byte=False)
        broken = {Path(name).stem for name in self.damaged}

        def state(trial_id: str) -> TrialState:
            if trial_id in self.records:
                return self.records[trial_id].state
            if trial_id in at_work:
                return TrialState.RUNNING
            if trial_id in broken:
                return TrialState.DAMAGED
            return TrialState.INTERRUPTED if trial_id in started else TrialState.WAITING

        sizes = kept_sizes(ledger.store)
        self.kept = {trial.trial_id: sizes[trial.trial_id] for trial in trials if trial.trial_id in sizes}
        self.states = {trial.trial_id: state(trial.trial_id) for trial in trials}

    def as_json(self, name: str) -> str:
        """Counts, each trial's state, and who is at work."""
        driver = "; ".join(described(self.drivers)) or None
        kept = {"networks": len(self.kept), "bytes": sum(self.kept.values())}
        counts = Counter(self.states.values())
        content = {"sweep": name, "counts": counts, "driver": driver, "kept": kept, "trials": self.states}
        return json.dumps(content, indent=1)

    def as_text(self, name: str, folder: str) -> str:
        """Counts by axis, and what failed."""
        lines = [f"{name}: {_counts(self.states.values())} of {len(self.trials)} trials, in {folder}"]
        lines += [f"at work: {driver}" for driver in described(self.drivers)]
        if self.kept:
            lines.append(f"kept: {several(len(self.kept), 'network')}, {sum(self.kept.values()) / 1e6:,.1f} MB")
        axes: dict[str, Callable[[TrialSpec], str]] = {
            "data set": lambda t: t.dataset.label,
            "strategy": lambda t: t.strategy.label,
            "fraction": lambda t: f"{per_cent(t.fraction)} %",
        }
        if self._several_rates:
            axes["optimizer"] = lambda t: f"{t.optimizer.label} lr {shortest(t.optimizer.lr)}"
        for further in self._axes.values:
            axes[further] = lambda t, name=further: shortest(self._axes.of(t).get(name, "none"))  # type: ignore[misc]
        for axis, value in axes.items():
            groups: dict[str, list[TrialState]] = {}
            for trial in self.trials:
                groups.setdefault(value(trial), []).append(self.states[trial.trial_id])
            width = max(map(len, groups))
            lines += ["", axis, *(f"  {name:<{width}}  {_counts(group)}" for name, group in groups.items())]
        return "\n".join([*lines, *self._troubles()])

    def _troubles(self) -> list[str]:
        lines = []
        ended = [
            f"  {self._described(trial)}: {record.error}"
            for trial in self.trials
            if (record := self.records.get(trial.trial_id)) is not None and record.state is not TrialState.DONE
        ]
        if ended:
            lines += ["", "failed or diverged (failed trials run again after `mtlray retry`)", *ended]
        early = [t for t in self.trials if (r := self.records.get(t.trial_id)) is not None and stopped_early(t, r)]
        if early:
            stops = sorted(self.records[trial.trial_id].steps for trial in early)
            lines += [
                "",
                f"{len(early)} done by patience before their last step, at steps {stops[0]:,} to {stops[-1]:,}",
            ]
        again = [
            f"  {self._described(trial)}: {history(attempts)}"
            for trial in self.trials
            if self.states[trial.trial_id] in (TrialState.RUNNING, TrialState.INTERRUPTED)
            and len(attempts := self._ledger.folder(trial.trial_id).attempts()) > 1
        ]
        if again:
            lines += ["", "started more than once", *again]
        if self.damaged:
            lines += ["", "damaged or missing files, whose trials run again", *(f"  {name}" for name in self.damaged)]
        older = Counter(record.results_version for record in self.records.values())
        lines += [
            f"\n{n} finished trials of results_version {version}, which is not computed any more; `mtlray table` reads them"
            for version, n in sorted(older.items())
            if version != RESULTS_VERSION
        ]
        return lines

    def _described(self, trial: TrialSpec) -> str:
        rate = f" lr {shortest(trial.optimizer.lr)}" if self._several_rates else ""
        further = "".join(f" {name} {shortest(value)}" for name, value in self._axes.of(trial).items())
        return (
            f"{trial.strategy.label}{rate}{further} {per_cent(trial.fraction)} % seed {trial.seed} ({trial.trial_id})"
        )


def stopped_early(trial: TrialSpec, record: TrialRecord) -> bool:
    """Whether a trial is done before its last step, by its patience."""
    return record.state is TrialState.DONE and trial.patience is not None and record.steps < trial.steps


def _counts(states: Iterable[TrialState]) -> str:
    counted = Counter(states)
    return ", ".join(f"{counted[state]} {state}" for state in _ORDER if counted[state])
