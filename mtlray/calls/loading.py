"""Kept networks back in Python."""

from pathlib import Path

from mtlray.calls.opening import SweepLike, opened
from mtlray.errors import SpecError
from mtlray.models import SharedTrunk
from mtlray.results.folders.opening import ledger_of
from mtlray.results.kept import FOLDER, is_kept, read_weights
from mtlray.results.ledger import Ledger
from mtlray.running.surroundings import computation_of
from mtlray.specs import RunConfig, TrialSpec
from mtlray.specs.decoding import decoded
from mtlray.training.starting import rebuilt
from mtlray.words.values import shown


def load(
    trial: TrialSpec | str, *, results: str | Path, sweep: SweepLike | None = None, device: str = "cpu"
) -> SharedTrunk:
    """The network that `--keep` stored of a trial, for inputs `[batch, ...]`: one prediction for each task, in order.

    It is in evaluation mode. `results` is the sweep's own results folder, as `results/quickstart`. `trial` is a spec or an id; an
    id of a trial with classes or data of your own is looked up among the trials of `sweep`, a SweepSpec or a sweep file. Raises
    ResultsError where nothing is kept, and SpecError.
    """
    ledger = ledger_of(results)
    spec = trial if isinstance(trial, TrialSpec) else _named(trial, ledger, sweep)
    config = RunConfig(device=device)  # type: ignore[arg-type]
    weights, _ = read_weights(ledger.store, spec.dataset.label, spec.trial_id)
    return rebuilt(spec, weights, computation_of(config)).module.eval()


def _named(trial_id: str, ledger: Ledger, sweep: SweepLike | None) -> TrialSpec:
    if sweep is not None:
        return opened(sweep, ledger.results).trial(trial_id)
    dataset = next((d for d in ledger.store.names(FOLDER) if is_kept(ledger.store, d, trial_id)), "*")
    _, facts = read_weights(ledger.store, dataset, trial_id)
    spec = decoded(facts["spec"])
    if spec is None:
        raise SpecError(
            f"The network of trial {shown(trial_id)} is made of classes or data that are not mtlray's own, which its id does not "
            "hold. Write `mtlray.load(ID, results=..., sweep=SWEEP)` with the SweepSpec or the path of its file, or give the "
            "TrialSpec itself."
        )
    return spec
