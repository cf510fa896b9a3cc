"""The command that puts prepared data where all nodes of a cluster fetch it."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.arguments import RESULTS, DataFolder, SweepFile, open_sweep
from mtlray.cli.data import data_app
from mtlray.cli.options import with_options
from mtlray.cli.places import place


@data_app.command("push")
@with_options
def data_push(
    sweep: SweepFile,
    to: Annotated[str, typer.Option("--to", help="A URI such as s3://…, or a folder that all nodes share.")],
    config: DataFolder,
) -> None:
    """Upload a sweep's prepared data to where `mtlray run --data-from` fetches it. Skips what is there already."""
    from mtlray.data.files.remote import push

    datasets = {trial.dataset.label: trial.dataset for trial in open_sweep(sweep, RESULTS).trials}
    for line in push(datasets.values(), Path(config.data), place("to", to)):
        print(line)
