"""The command that looks for what is wrong."""

import typer

from mtlray.cli.app import app
from mtlray.cli.options import DATA, RESULTS, Data, Results, data_folder, place


@app.command()
def doctor(results: Results = RESULTS, data: Data = DATA) -> None:
    """What is wrong here, and how to mend it."""
    from mtlray.cli.diagnosis import diagnose

    checks = diagnose(place("results", results), str(data_folder(data)))
    for check in checks:
        print(
            f"{'ok  ' if check.ok else 'MEND'}  {check.what}: {check.found}"
            + ("" if check.ok else f" -> {check.remedy}")
        )
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
