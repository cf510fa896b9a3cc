"""Which of the user's definitions changed since a finished trial, by their files."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mtlray.identity.code_digest import code_digest, code_parts, is_users_own
from mtlray.results.code_texts import as_kept, read_code, write_code
from mtlray.results.ledger import Ledger
from mtlray.results.states import TrialState
from mtlray.specs import TrialSpec
from mtlray.storage.store import Store

_SHOWN = 4
_CODE = re.compile(r'("type": ?"[^"@]*)@[0-9a-f]{8}"')


def own_classes(trials: Iterable[TrialSpec]) -> list[type]:
    """The classes of trials' parts that are the user's own."""
    parts = (part for trial in trials for part in (trial.dataset, trial.model, trial.strategy, trial.optimizer))
    return [cls for cls in dict.fromkeys(map(type, parts)) if is_users_own(cls)]


def keep_code(trials: Iterable[TrialSpec], store: Store) -> None:
    """Write the user's own code of trials to their results, so that a later plan can tell what changed. Raises OSError."""
    for cls in own_classes(trials):
        write_code(store, code_digest(cls), code_parts(cls))


def n_new_by_code(to_run: Iterable[TrialSpec], ledger: Ledger) -> int:
    """How many trials that are to run differ from a finished one in nothing but the text of the user's own code.

    Raises ResultsError and StoreError.
    """
    bare = [_CODE.sub(r'\1"', trial.canonical) for trial in to_run if own_classes([trial])]
    if not bare:
        return 0
    table, _ = ledger.summary(("trial_id", "spec", "state"))
    specs = {row["spec"] for row in table.to_pylist() if row["state"] != TrialState.FAILED}
    finished = {_CODE.sub(r'\1"', spec) for spec in specs}
    return sum(spec in finished for spec in bare)


class CodeChanges:
    """The code of trials that are to run, beside that which was kept with results."""

    def __init__(self, trials: Sequence[TrialSpec], store: Store) -> None:
        self._store = store
        self._now = {code_digest(cls): as_kept(code_parts(cls))["parts"] for cls in own_classes(trials)}
        self._before: dict[str, list[dict[str, str]] | None] = {}

    def between(self, now: str, before: str) -> str:
        """What changed between two names of one class, as in `Mine@0a1b2c3d`; empty for other values."""
        name, _, digest = now.strip('"').rpartition("@")
        other, _, earlier = before.strip('"').rpartition("@")
        if not name or name != other or digest not in self._now:
            return ""
        if earlier not in self._before:
            self._before[earlier] = read_code(self._store, earlier)
        kept = self._before[earlier]
        if kept is None:
            return f"code of `{name}`"
        changed = _changed(self._now[digest], kept)
        rest = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        return f"code of `{name}`: {', '.join(changed[:_SHOWN])}{rest}" if changed else f"code of `{name}`: order"


def _changed(now: Sequence[Mapping[str, str]], before: Sequence[Mapping[str, str]]) -> list[str]:
    """The definitions whose text is not the same, each with its file."""
    texts, earlier = (Counter((p["file"], p["name"], p["text"]) for p in parts) for parts in (now, before))
    different = dict.fromkeys((file, name) for file, name, _ in [*(texts - earlier), *(earlier - texts)])
    return [f"`{name}` in {file}" if name else file for file, name in different]
