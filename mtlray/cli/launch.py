"""The command that prints launch scripts for clusters."""

import shlex
import sys
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import RESULTS, Results, SweepFile, named


@app.command("launch-script")
def launch_script(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="slurm, kuberay, ray-up or ray-job.")],
    sweep: SweepFile,
    run_options: Annotated[
        list[str] | None, typer.Argument(metavar="[-- RUN OPTIONS]", help="Options for mtlray run, behind `--`.")
    ] = None,
    results: Results = RESULTS,
    data: Annotated[
        str | None, typer.Option("--data", help="Where data lies on each node; default: its own disk.")
    ] = None,
    nodes: Annotated[int, typer.Option("--nodes", help="Machines that run trials.")] = 1,
    cpus: Annotated[int, typer.Option("--cpus", help="Cores of each.")] = 8,
    gpus: Annotated[int, typer.Option("--gpus", help="GPUs of each.")] = 0,
    memory_gb: Annotated[int, typer.Option("--memory-gb", help="Memory of each.")] = 16,
    hours: Annotated[
        float, typer.Option("--hours", help="Time limit of a job; Slurm starts it again after that.")
    ] = 24.0,
    partition: Annotated[str | None, typer.Option("--partition", help="Slurm.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="Slurm.")] = None,
    setup: Annotated[str | None, typer.Option("--setup", help="A shell line that makes `mtlray` be found.")] = None,
    image: Annotated[str | None, typer.Option("--image", help="Container image, for kuberay and ray-up.")] = None,
    spot: Annotated[
        str | None,
        typer.Option("--spot", help="Workers that may be taken away: gke, eks, karpenter or aks; cloud for ray-up."),
    ] = None,
    provider: Annotated[str, typer.Option("--provider", help="ray-up: aws, gcp or local.")] = "aws",
    hosts: Annotated[str | None, typer.Option("--hosts", help="ray-up local: the machines, the head first.")] = None,
    address: Annotated[str, typer.Option("--address", help="ray-job: the dashboard.")] = "http://127.0.0.1:8265",
) -> None:
    """Print a finished file that runs a sweep on a cluster, and goes on after a stop."""
    from mtlray.errors import unknown_name
    from mtlray.launch_scripts import SCRIPTS, Launch
    from mtlray.specs.sweepfile import load_sweep, own_files

    if kind not in SCRIPTS:
        raise unknown_name("kind of launch script", kind, SCRIPTS)
    loaded, _ = load_sweep(sweep)
    launch = Launch(
        name=loaded.name,
        sweep=sweep,
        files=own_files(sweep),
        command=shlex.join(["mtlray", *sys.argv[1:]]),
        results=named("results", results),
        data=data,
        nodes=nodes,
        cpus=cpus,
        gpus=gpus,
        memory_gb=memory_gb,
        hours=hours,
        partition=partition,
        account=account,
        setup=setup,
        image=image,
        spot=spot,
        provider=provider,
        hosts=tuple(hosts.split(",")) if hosts else (),
        address=address,
        run_options=tuple(run_options or ()),
    )
    print(SCRIPTS[kind](launch), end="")
