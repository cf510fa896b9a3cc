"""What a worker is told about the sweep whose trials it runs."""

from dataclasses import dataclass, field

from mtlray.identity.provenance import Commit
from mtlray.results.fence import Fence
from mtlray.results.ledger import Ledger
from mtlray.running.policy import Policy
from mtlray.specs import RunConfig


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker needs besides the trials: where to read and write, and what to note with the results."""

    sweep: str
    config: RunConfig
    commit: Commit
    fingerprints: dict[str, str]
    """The data that the sweep is made with, by `DatasetSpec.label`; other data is refused."""
    embed_at: tuple[int, ...] = ()
    """Steps at which the trunk's representation of test examples is stored; see `SweepSpec`."""
    launch: str = ""
    """Tells the starts of one launch from those of others."""
    alone: bool = True
    """Whether trials run one after the other, so that fewer at once would not help."""
    policy: Policy = field(default_factory=Policy)
    fence: Fence | None = None
    """The right to write under the driver's lock; None where nobody holds one."""

    def ledger(self) -> Ledger:
        """The sweep's results folder, which nobody writes to for a driver that was replaced."""
        return Ledger(self.config.results, self.sweep, fence=self.fence)
