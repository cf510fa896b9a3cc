"""The curve of a trial that is not finished: what it wrote so far, for whoever watches. Nothing continues from it."""

import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from mtlray.storage.seal import BrokenSealError, facts_of, sealed


@dataclass(frozen=True, slots=True, eq=False)
class LiveCurve:
    """Where a trial stands, as it was at its last checkpoint: `step` of `steps`, and one row for each evaluation so far.

    `rows` has the columns of the curves of finished trials; `seconds` are those of training.
    """

    step: int
    steps: int
    seconds: float
    rows: pa.Table

    def to_bytes(self) -> bytes:
        """A sealed Parquet file."""
        return sealed(self.rows, {"step": self.step, "steps": self.steps, "seconds": self.seconds})

    @classmethod
    def from_bytes(cls, data: bytes) -> "LiveCurve":
        """Raises BrokenSealError where a byte is not as it was written, or something else wrote it."""
        facts = facts_of(data)
        if facts is None or not {"step", "steps", "seconds"} <= facts.keys():
            raise BrokenSealError("It is no curve of a running trial.")
        rows = pq.read_table(io.BytesIO(data)).replace_schema_metadata(None)
        return cls(facts["step"], facts["steps"], facts["seconds"], rows)
