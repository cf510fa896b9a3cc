"""The command that puts prepared data where all nodes of a cluster fetch it."""

from typing import Annotated

import typer

from mtlray.cli.data import data_app
from mtlray.cli.options import DATA, RESULTS, Data, SweepFile, data_folder, open_sweep, place


@data_app.command("push")
def data_push(
    sweep: SweepFile,
    to: Annotated[str, typer.Option("--to", help="A URI such as s3://…, or a folder that all nodes share.")],
    data: Data = DATA,
) -> None:
    """Put the prepared data of a sweep where `mtlray run --data-from` fetches it. What is there already stays."""
    from mtlray.data.files.remote import push

    datasets = {trial.dataset.label: trial.dataset for trial in open_sweep(sweep, RESULTS).trials}
    for line in push(datasets.values(), data_folder(data), place("to", to)):
        print(line)
