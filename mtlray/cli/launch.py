"""The command that prints launch scripts for clusters."""

import sys
from typing import Annotated

import typer

from mtlray.checks import require
from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, Results, SweepFile
from mtlray.cli.options import with_options
from mtlray.cli.places import named
from mtlray.launch_scripts import SCRIPTS, Cluster, Launch


@app.command("launch-script")
@with_options
def launch_script(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="slurm, kuberay, ray-up or ray-job.")],
    sweep: SweepFile,
    run_options: Annotated[
        list[str] | None, typer.Argument(metavar="[-- RUN OPTIONS]", help="Options for `mtlray run`, after `--`.")
    ] = None,
    *,
    results: Results = RESULTS,
    cluster: Cluster,
) -> None:
    """Print a complete file that runs a sweep on a cluster and continues after a stop."""
    from mtlray.errors import unknown_name
    from mtlray.specs.sweepfile import load_sweep, own_files

    if kind not in SCRIPTS:
        raise unknown_name("kind of launch script", kind, SCRIPTS)
    require(kind == "slurm" or cluster.array == 1, "array", "be left out, except for slurm", cluster.array)
    loaded, module = load_sweep(sweep)
    launch = Launch(
        name=loaded.name,
        sweep=sweep,
        files=own_files(sweep, module),
        command=("mtlray", *sys.argv[1:]),
        results=named("results", results),
        cluster=cluster,
        run_options=tuple(run_options or ()),
    )
    print(SCRIPTS[kind](launch), end="")
