"""The command that hands finished trials to trackers."""

from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, Narrowing, Results, SweepFile, open_sweep
from mtlray.cli.options import with_options

_TO = {"tensorboard": "runs", "wandb": ".", "mlflow": "sqlite:///mlflow.db"}


@app.command()
@with_options
def export(
    tracker: Annotated[str, typer.Argument(metavar="TRACKER", help="tensorboard, wandb or mlflow.")],
    sweep: SweepFile,
    *,
    results: Results = RESULTS,
    narrowing: Narrowing,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", help="Folder, or MLflow tracking URI. Default: runs (TensorBoard), . (W&B), sqlite:///mlflow.db."
        ),
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", help="Project or experiment. Default: the sweep's name.")
    ] = None,
) -> None:
    """Export finished trials to TensorBoard, W&B or MLflow. Reads the results and changes nothing in them."""
    from mtlray.errors import unknown_name
    from mtlray.trackers import TRACKERS, finished_trials
    from mtlray.words.masking import masked

    if tracker not in TRACKERS:
        raise unknown_name("tracker", tracker, TRACKERS)
    opened = open_sweep(sweep, results, narrowing)
    trials = finished_trials(opened.ledger, [trial.trial_id for trial in opened.trials])
    print(masked(TRACKERS[tracker](trials, to or _TO[tracker], project or opened.spec.name)))
