"""A sweep and its results folder: its plan, its progress, and what is done to the folder while nothing runs."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from mtlray.errors import SpecError
from mtlray.planning.code_changes import n_new_by_code
from mtlray.planning.division import in_part
from mtlray.planning.plan import Plan, plan
from mtlray.planning.pruning import Pruning, prunable
from mtlray.planning.status import Status
from mtlray.planning.text import Workers, plan_text
from mtlray.planning.why import why_text
from mtlray.planning.wording import several
from mtlray.results.driver_lock import DriverLock
from mtlray.results.ledger import Ledger
from mtlray.results.part import WHOLE, Part
from mtlray.results.removal import remove
from mtlray.running.adopting import Adopter, Fingerprint, adopted_reason, refusal, report, write_adoptions
from mtlray.running.on_ray.resources import workers_here
from mtlray.specs import SweepSpec, TrialSpec
from mtlray.specs.axes import Axes
from mtlray.words.masking import masked
from mtlray.words.values import shown


class Sweep:
    """A resolved sweep, the module it was loaded from, and its ledger; `narrowed` on the command line or whole.

    `arguments` are those that name this sweep to a command; the path where they are not given. Where several drivers run a
    `part` each, `trials` are all of them, and the plan and the lock are those of the part.
    """

    def __init__(
        self,
        spec: SweepSpec,
        module: ModuleType | None,
        path: Path,
        results: str,
        *,
        narrowed: bool = False,
        arguments: str | None = None,
        part: Part = WHOLE,
    ) -> None:
        self.spec, self.part = spec, part
        self.narrowed = narrowed
        self.module = module
        self.path = path
        self.arguments = masked(str(path) if arguments is None else arguments)
        self.results = results if "://" in results else str(Path(results).expanduser().absolute())
        self.trials: tuple[TrialSpec, ...] = spec.trials()
        self.ledger = Ledger(self.results, spec.name)

    @property
    def folder(self) -> str:
        """The sweep's own results folder."""
        return f"{self.results.rstrip('/')}/{self.spec.name}"

    @property
    def shown_folder(self) -> str:
        """The same for a person, without the credentials of a URI."""
        return masked(self.folder)

    def description(self) -> dict[str, Any]:
        """What is stored as sweep.json, without the circumstances of a launch."""
        return self.spec.describe(self.trials)

    def trial(self, name: str) -> TrialSpec:
        """The trial with an id that begins so. Raises SpecError unless there is one."""
        found = [trial for trial in self.trials if name and trial.trial_id.startswith(name)]
        if len(found) != 1:
            rest = f"{len(found)} of its {len(self.trials)} trials" if found else "none"
            raise SpecError(
                f"A trial of sweep {self.spec.name} should have an id that begins with `{shown(name)}`. Found {rest}. "
                f"`mtlray status {self.arguments} --json` lists the ids."
            )
        return found[0]

    def lock(self) -> DriverLock:
        """Held by whatever writes to the folder."""
        return DriverLock(self.ledger.store, self.part)

    @cached_property
    def _own(self) -> tuple[TrialSpec, ...]:
        """The trials of the part."""
        return in_part(self.trials, self.part)

    # -- plan and status

    def plan(self) -> Plan:
        """Raises ResultsError for results of another version."""
        records, damaged = self.ledger.records()
        return plan(self._own, records, started=self.ledger.started(), damaged=damaged, grid=self.trials)

    def plan_text(self, workers: int | None = None, *, why: bool = False) -> str:
        """The plan as a person reads it, with the reason for each trial that is to run."""
        planned = self.plan()
        text = self.shown(planned, workers_here("auto", 1.0, workers))
        return "\n".join([text, *why_text(planned.to_run, self.ledger)]) if why else text

    def shown(self, planned: Plan, workers: Workers) -> str:
        """A plan as a person reads it, with the remedy where an edit of the user's code made finished trials new."""
        text = plan_text(self.spec, self.trials, planned, workers, self.shown_folder, self.part)
        edited = n_new_by_code(planned.to_run, self.ledger) if planned.others else 0
        if not edited:
            return text
        are = "trial to run differs" if edited == 1 else "trials to run differ"
        return (
            f"{text}\n  note        {edited:,} {are} from finished ones in your own code alone: if the edit changes no number, "
            f'`mtlray adopt {self.arguments} --reason "..."` keeps these.'
        )

    def status_json(self) -> str:
        """Counts, and each trial's state."""
        return Status(self.trials, self.ledger, Axes(self.spec.axes)).as_json(self.spec.name)

    def status_text(self) -> str:
        """Counts by axis, and what failed."""
        return Status(self.trials, self.ledger, Axes(self.spec.axes)).as_text(self.spec.name, self.shown_folder)

    # -- verbs that write

    def quarantine(self) -> list[str]:
        """Move files that do not open out of the way, those of the part's own trials; the lock is held. Returns the files."""
        own = None if self.part == WHOLE else {trial.trial_id for trial in self._own}
        return self.ledger.quarantine(own)

    def retry(self) -> str:
        """Forget the failures of this sweep's trials."""
        with self.lock():
            failed = self.plan().failed
            self.ledger.forget(trial.trial_id for trial in failed)
        if not failed:
            return f"No trial has failed in {self.shown_folder}."
        return f"{several(len(failed), 'failed trial')} will run again with `mtlray run {self.arguments}`."

    def prunable(self) -> Pruning:
        """The trials in the folder that no text of the sweep names; only a sweep that is not narrowed tells."""
        return prunable(self.trials, self.ledger)

    def prune(self, listed: Pruning) -> str:
        """Remove those of the listed trials that still have no place in the sweep."""
        with self.lock():
            ids = set(listed.ids & self.prunable().ids)
            remove(self.ledger, ids)
        return f"{several(len(ids), 'trial')} removed from {self.folder}."

    def adopt(self, reason: str, fingerprint: Fingerprint, codes: Sequence[str] = ()) -> str:
        """Keep finished trials of an earlier text of the sweep file under their present ids.

        Raises SpecError for an empty reason, ResultsError where there is none to keep, and LaunchError while a driver works.
        """
        words = adopted_reason(reason)
        with self.lock():
            adoptions, refused = Adopter(self.ledger, fingerprint, codes).find(self.trials)
            if not adoptions:
                raise refusal(refused, self.folder)
            write_adoptions(self.ledger, self.spec.name, adoptions, words)
        return report(adoptions, refused, self.folder)

    def compact(self) -> str:
        """Merge shards."""
        with self.lock():
            n = self.ledger.compact()
        return f"{several(n, 'finished trial')} merged in {self.shown_folder}."
