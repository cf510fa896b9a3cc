"""The command that hands finished trials to trackers."""

from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import RESULTS, Fractions, Rates, Results, Seeds, Steps, Strategies, SweepFile, open_sweep

_TO = {"tensorboard": "runs", "wandb": ".", "mlflow": "sqlite:///mlflow.db"}


@app.command()
def export(
    tracker: Annotated[str, typer.Argument(metavar="TRACKER", help="tensorboard, wandb or mlflow.")],
    sweep: SweepFile,
    results: Results = RESULTS,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    learning_rates: Rates = None,
    steps: Steps = None,
    to: Annotated[
        str | None,
        typer.Option("--to", help="Folder, or MLflow tracking URI; default: runs, ., or sqlite:///mlflow.db."),
    ] = None,
    project: Annotated[
        str | None, typer.Option("--project", help="Project or experiment; default: the sweep's name.")
    ] = None,
) -> None:
    """Show finished trials in TensorBoard, W&B or MLflow. Reads the results and changes nothing in them."""
    from mtlray.errors import unknown_name
    from mtlray.trackers import TRACKERS, finished_trials

    if tracker not in TRACKERS:
        raise unknown_name("tracker", tracker, TRACKERS)
    opened = open_sweep(sweep, results, seeds, strategies, fractions, learning_rates, steps)
    trials = finished_trials(opened.ledger, [trial.trial_id for trial in opened.trials])
    print(TRACKERS[tracker](trials, to or _TO[tracker], project or opened.spec.name))
