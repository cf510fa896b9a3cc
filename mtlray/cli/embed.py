"""Command that shows what the trunk has learnt: embed."""

from typing import Annotated

import typer

from mtlray.cli.app import app
from mtlray.cli.options import (
    DATA,
    RESULTS,
    ActivationCheckpointing,
    Data,
    DataFrom,
    Device,
    Fractions,
    Results,
    Seeds,
    Strategies,
    SweepFile,
    data_folder,
    open_sweep,
    place,
)


@app.command()
def embed(
    sweep: SweepFile,
    results: Results = RESULTS,
    data: Data = DATA,
    data_from: DataFrom = None,
    seeds: Seeds = None,
    strategies: Strategies = None,
    fractions: Fractions = None,
    at: Annotated[str, typer.Option("--at", help="Steps: first, middle, last, or numbers.")] = "first,middle,last",
    examples: Annotated[int, typer.Option("--examples", help="Test examples to lay out.")] = 1000,
    device: Device = "auto",
    activation_checkpointing: ActivationCheckpointing = False,
) -> None:
    """t-SNE of the trunk at chosen steps. Trains the chosen trials once more, here; their results stay as they are.

    Without --seeds and --fractions: the sweep's first seed, and its largest fraction.
    """
    from mtlray.planning.wording import several
    from mtlray.running.embedding import embed_trials
    from mtlray.specs import RunConfig

    opened = open_sweep(sweep, results, seeds, strategies, fractions)
    config = RunConfig(
        data=str(data_folder(data)),
        data_from=None if data_from is None else place("data-from", data_from),
        results=opened.results,
        device=device,  # type: ignore[arg-type]  # checked by RunConfig
        activation_checkpointing=activation_checkpointing,
    )
    trials = [
        trial
        for trial in opened.trials
        if (seeds is not None or trial.seed == opened.trials[0].seed)
        and (fractions is not None or trial.fraction == max(t.fraction for t in opened.trials))
    ]
    labels = dict.fromkeys(trial.strategy.label for trial in trials)
    print(
        f"{several(len(trials), 'trial')} to train once more, here, each to be laid out: {', '.join(labels)}",
        flush=True,
    )
    for line in embed_trials(trials, opened.ledger, config, at.split(","), examples):
        print(line, flush=True)
    print(f"again     mtlray figures {opened.folder} --only embedding")
