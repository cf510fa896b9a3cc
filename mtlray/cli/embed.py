"""The command that shows what the trunk has learnt: embed."""

import dataclasses
from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.arguments import RESULTS, Narrowing, Results, SweepFile, open_sweep
from mtlray.cli.options import only, with_options
from mtlray.specs.run_config import RunConfig


@app.command()
@with_options
def embed(
    sweep: SweepFile,
    *,
    results: Results = RESULTS,
    config: Annotated[RunConfig, only("data", "data_from", "device", "activation_checkpointing")],
    narrowing: Annotated[Narrowing, only("seeds", "strategies", "fractions")],
    at: Annotated[
        str, typer.Option("--at", help="Steps to lay out: first, middle, last, or numbers.")
    ] = "first,middle,last",
    examples: Annotated[int, typer.Option("--examples", help="Number of test examples to lay out.")] = 1000,
) -> None:
    """Lay out the trunk's outputs with t-SNE at chosen steps. Trains the chosen trials again, here; results stay as they are.

    Default for --seeds and --fractions: the sweep's first seed and its largest fraction.
    """
    from mtlray.planning.wording import several
    from mtlray.running.embedding import embed_trials

    opened = open_sweep(sweep, results, narrowing)
    trials = [
        trial
        for trial in opened.trials
        if (narrowing.seeds is not None or trial.seed == opened.trials[0].seed)
        and (narrowing.fractions is not None or trial.fraction == max(t.fraction for t in opened.trials))
    ]
    labels = dict.fromkeys(trial.strategy.label for trial in trials)
    print(f"Training {several(len(trials), 'trial')} again, here, to lay out: {', '.join(labels)}", flush=True)
    config = dataclasses.replace(config, results=opened.results)
    for line in embed_trials(trials, opened.ledger, config, at.split(","), examples):
        print(line, flush=True)
    print(f"again     mtlray figures {opened.shown_folder} --kind embedding")
