"""The log of one start of one trial, and the note of how it ended."""

import os
import platform
import time

import torch

from mtlray.identity.provenance import cpu_name
from mtlray.results.attempts import begin, finish
from mtlray.results.ledger import Ledger
from mtlray.specs import TrialSpec


class AttemptLog:
    """Rewritten whole at each entry, so that it is never torn. Raises OSError."""

    def __init__(self, ledger: Ledger, trial: TrialSpec, device: torch.device, launch: str) -> None:
        self._ledger = ledger
        self._trial_id = trial.trial_id
        self.device_name = torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
        self._attempts = begin(ledger.store, trial.trial_id, launch, platform.node(), os.getpid())
        self.attempt = len(self._attempts)
        self.path = ledger.store.where(f"trials/{trial.trial_id}/attempt-{self.attempt}.log")
        self._lines = [f"trial {trial.trial_id}: {trial.canonical}"]
        for before in self._attempts[:-1]:
            self._lines.append(f"attempt {before.number} on {before.host}: {before.end} {before.reason}".rstrip())
        self.add(f"attempt {self.attempt} on {platform.node()}, {self.device_name}, process {os.getpid()}")

    def add(self, line: str) -> str:
        """Append a line; returns where the log lies."""
        self._lines.append(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}")
        return self._ledger.write_log(self._trial_id, self.attempt, "\n".join(self._lines) + "\n")

    def finish(self, end: str, reason: str) -> None:
        """Note how the attempt ended; see `mtlray.results.attempts.ENDS`."""
        finish(self._ledger.store, self._trial_id, self._attempts, end, reason)
