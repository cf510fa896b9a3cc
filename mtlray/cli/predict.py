"""The command that lets a kept network predict: predict."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, Results, SweepFile, open_sweep
from mtlray.cli.options import only, with_options
from mtlray.cli.places import named
from mtlray.specs.run_config import RunConfig


@app.command()
@with_options
def predict(
    sweep: SweepFile,
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's id, or its first digits.")],
    *,
    out: Annotated[str, typer.Option("--out", help="File to write, as Parquet.")],
    results: Results = RESULTS,
    config: Annotated[RunConfig, only("data", "data_from", "device")],
    split: Annotated[str, typer.Option("--split", help="train, val or test.")] = "test",
) -> None:
    """Write what a trial's kept network predicts, one row for each example. Needs a trial that was run with --keep."""
    from mtlray.errors import unknown_name
    from mtlray.running.kept.networks import predict_to_file

    if split not in ("train", "val", "test"):
        raise unknown_name("split", split, ("train", "val", "test"))
    opened = open_sweep(sweep, results)
    file = Path(named("out", out)).expanduser()
    print(predict_to_file(opened.trial(trial), opened.ledger, config, split, file))  # type: ignore[arg-type]
