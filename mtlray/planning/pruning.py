"""Pruning: the trials in a results folder that neither the sweep file nor the sweep as last launched names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mtlray.planning.wording import several
from mtlray.results.ledger import Ledger
from mtlray.results.removal import held
from mtlray.specs import TrialSpec
from mtlray.words.values import per_cent

_COLUMNS = ("trial_id", "dataset", "strategy", "fraction", "seed", "state")
_LINES = 40


@dataclass(frozen=True, slots=True)
class Pruning:
    """The ids of the trials that can go, the rows that tell of them, and how many only the last launch still names."""

    ids: frozenset[str]
    rows: tuple[Mapping[str, Any], ...]
    named_by_last_launch: int

    def text(self, folder: str) -> str:
        """Lines that say what can go: finished trials by cell, the others by number."""
        if not self.ids:
            lines = [f"No trial in {folder} is without a place in the sweep."]
        else:
            lines = [f"{several(len(self.ids), 'trial')} in {folder} that no text of the sweep names:", *self._cells()]
        if self.named_by_last_launch:
            lines.append(
                f"{several(self.named_by_last_launch, 'more trial')}: the sweep file does not name them, the sweep as last "
                "launched does. They can go after the next `mtlray run`; until then `mtlray adopt` can keep their results."
            )
        return "\n".join(lines)

    def _cells(self) -> list[str]:
        cells: dict[str, list[Mapping[str, Any]]] = {}
        for row in self.rows:
            cell = f"{row['dataset']} {row['strategy']} {per_cent(row['fraction'])} %"
            cells.setdefault(f"{cell}, {row['state']}", []).append(row)
        lines = [
            f"  {len(rows):,} × {cell}: seed {', '.join(str(row['seed']) for row in sorted(rows, key=lambda r: r['seed'])[:12])}"
            + (" and others" if len(rows) > 12 else "")
            for cell, rows in cells.items()
        ]
        rest = lines[_LINES:]
        unfinished = len(self.ids) - len(self.rows)
        return [
            *lines[:_LINES],
            *([f"  and {len(rest):,} more such lines"] if rest else []),
            *([f"  {unfinished:,} × started and not finished, or damaged"] if unfinished else []),
        ]


def prunable(trials: Sequence[TrialSpec], ledger: Ledger) -> Pruning:
    """What can go of a sweep's folder, whose whole grid is `trials`. Changes nothing. Raises ResultsError."""
    grid = {trial.trial_id for trial in trials}
    listed = {entry["trial_id"] for entry in (ledger.read_sweep() or {}).get("trials", [])}
    strangers = held(ledger) - grid
    ids = strangers - listed
    rows = {row["trial_id"]: row for row in ledger.summary(_COLUMNS)[0].to_pylist() if row["trial_id"] in ids}
    return Pruning(frozenset(ids), tuple(rows.values()), len(strangers & listed))
