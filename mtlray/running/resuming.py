"""What an interrupted trial continues from: its newest checkpoint that loads; for a pack, the newest step that all have."""

from collections.abc import Callable, Iterator, Sequence

from mtlray.errors import ResultsError, StoreError
from mtlray.results.generations import Generations
from mtlray.specs import TrialSpec
from mtlray.storage.seal import BrokenSealError
from mtlray.training.checkpoint import Checkpoint


def checkpoints_of(
    trial: TrialSpec, generations: Generations, fingerprint: str, say: Callable[[str], object]
) -> Iterator[Checkpoint]:
    """The checkpoints of a trial that load and were trained on the data with this fingerprint, newest first.

    The others are set aside, and `say` is told. Raises OSError.
    """
    for name in generations.names():
        try:
            checkpoint = Checkpoint.from_bytes(generations.read(name), trial.trial_id)
            if checkpoint.data_fingerprint not in ("", fingerprint):
                raise ResultsError(
                    f"The checkpoint was trained on other data, of fingerprint {checkpoint.data_fingerprint}."
                )
        except StoreError:  # says nothing about the checkpoint
            raise
        except (ResultsError, BrokenSealError) as error:
            aside = generations.set_aside(name)
            say(
                f"{name}: {error} It was set aside as {aside}. The trial continues from the previous one, or starts again."
            )
            continue
        yield checkpoint


def in_step(saved: Sequence[Iterator[Checkpoint]]) -> list[Checkpoint | None]:
    """One checkpoint for each trial of a pack, all at the same step, or None for all: a pack moves in step."""
    if len(saved) == 1:
        return [next(saved[0], None)]
    by_step = [{checkpoint.step: checkpoint for checkpoint in reversed(list(found))} for found in saved]
    common = set.intersection(*(set(found) for found in by_step))
    return [found[max(common)] if common else None for found in by_step]
