"""The command that draws strategies on the toy problem."""

from pathlib import Path
from typing import Annotated

import typer

from mtlray.cli.app import app


@app.command()
def toy(
    out: Annotated[Path, typer.Option("--out", help="Figure to write: a .png, .pdf or .svg file.")],
    strategies: Annotated[
        str, typer.Option("--strategies", help="Keys from `mtlray strategies`, with commas between them.")
    ] = "equal,mgda,pcgrad,cagrad,nash",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of Adam.")] = 3500,
    lr: Annotated[float, typer.Option("--lr", help="Learning rate.")] = 0.01,
    scale: Annotated[float, typer.Option("--scale", help="Factor of the first loss; 1 in CAGrad's figure.")] = 0.1,
) -> None:
    """Draw how strategies go through two losses of two numbers, whose best compromises are known: no data, no network."""
    from mtlray.errors import SpecError
    from mtlray.toy.figure import draw
    from mtlray.toy.trajectories import strategies_of, trajectory

    if out.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise SpecError(f"Option --out should name a .png, .pdf or .svg file. Found `{out}`.")
    ways = []
    for strategy in strategies_of(strategies):
        ways.append(trajectory(strategy, steps=steps, lr=lr, scale=scale))
        shown = "  ".join(f"{value:8.3f}" for value in ways[-1].distance.tolist())
        print(f"{strategy.key:<20}  distance to the front from each start  {shown}", flush=True)
    draw(ways, scale, out)
    print(f"{out}: {len(ways)} strategies, {steps} steps of {lr:g}.")
