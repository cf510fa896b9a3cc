"""Kept: weights that a trial starts from, named by what they are and not by where they lie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mtlray.checks import require_choice
from mtlray.errors import DataError, ResultsError, SpecError
from mtlray.results.kept import FOLDER, WEIGHTS, is_kept
from mtlray.storage.seal import BrokenSealError
from mtlray.storage.store import Store
from mtlray.storage.weights_file import content_of_weights, facts_of_weights, shapes_of_weights
from mtlray.words.masking import masked

Parts = Literal["all", "trunk"]


@dataclass(frozen=True)
class Kept:
    """The weights of a trial that was run with `--keep`, or of any safetensors file, for `TrialSpec.start_from`.

    `path` is a sweep's results folder, with the id of its `trial`, or a file; a URI of an object store too. With `parts`
    "trunk" the heads start as they always do, so that tasks and data may be others; "all" takes every tensor, and all names and
    shapes have to be the network's. `content`, a hash of the tensors, is part of a trial's identity; path and trial are not.

    Raises DataError where the file is missing or damaged.
    """

    path: str = field(metadata={"identity": False})
    trial: str | None = field(default=None, metadata={"identity": False})
    parts: Parts = "all"
    content: str = field(init=False, default="")

    def __post_init__(self) -> None:
        require_choice("parts", self.parts, ("all", "trunk"))
        path = str(self.path)
        object.__setattr__(self, "path", path if "://" in path else str(Path(path).expanduser().absolute()))
        object.__setattr__(self, "content", content_of_weights(self._bytes()))

    @property
    def label(self) -> str:
        """Its name in results, where a sweep varies it: by content, and not by where it lies."""
        return f"kept:{self.content[:8]}" + ("" if self.parts == "all" else f"({self.parts})")

    def read(self) -> bytes:
        """The bytes of the file, whose tensors are those of `content`. Raises DataError where they are not any more."""
        data = self._bytes()
        if (found := content_of_weights(data)) != self.content:
            raise DataError(
                f"Kept weights should have the content {self.content[:16]} that the trial was planned with. Found "
                f"{found[:16]} in {self._shown()}. Put the file back, or plan the sweep again."
            )
        return data

    def check(self, expected: Mapping[str, tuple[int, ...]]) -> None:
        """Raise SpecError where the weights are not those of a network whose tensors have these names and shapes."""
        found = {name: shape for name, shape in shapes_of_weights(self._bytes()).items() if self.takes(name)}
        wanted = {name: shape for name, shape in expected.items() if self.takes(name)}
        for name in sorted(found.keys() | wanted.keys()):
            if found.get(name) != wanted.get(name):
                have, want = (list(s[name]) if name in s else "no such tensor" for s in (found, wanted))
                remedy = (
                    "" if self.parts == "trunk" else ', or start from the trunk alone, with `Kept(..., parts="trunk")`'
                )
                raise SpecError(
                    f"Weights to start from should fit the network. In {self._shown()} `{name}` is {have}; in the network it is "
                    f"{want}. Name a trial of the same model{remedy}."
                )

    def takes(self, name: str) -> bool:
        """Whether a tensor of that name is among the parts."""
        return self.parts == "all" or name.startswith("trunk.")

    def _bytes(self) -> bytes:
        folder, _, name = self.path.rpartition("/")
        try:
            if self.trial is None:
                data = Store(folder or "/").read(name)
            else:
                store = Store(self.path)
                dataset = next((d for d in store.names(FOLDER) if is_kept(store, d, self.trial)), "*")
                data = store.read(f"{FOLDER}/{dataset}/{self.trial}{WEIGHTS}")
            facts_of_weights(data)
        except BrokenSealError as error:
            raise DataError(
                f"Kept weights should open. Those in {self._shown()} do not: {error} Keep them again."
            ) from error
        except (OSError, ResultsError) as error:
            what = "" if self.trial is None else f" of trial {self.trial}"
            raise DataError(
                f"Kept weights{what} should lie in {self._shown()}. Found: {error}. `mtlray run SWEEP --keep best` keeps them; "
                "name the sweep's results folder and the trial, or the file."
            ) from error
        return data

    def _shown(self) -> str:
        return masked(self.path)
