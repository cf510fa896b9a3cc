"""The command that lists strategies."""

from mtlray.cli.app import app


@app.command()
def strategies() -> None:
    """Every strategy: its key, its kind, what a step costs in backward passes, its source."""
    from mtlray.strategies import STRATEGIES

    line = "{:<20}  {:<18}  {:<14}  {:<10}  {}"
    print(line.format("key", "class", "kind", "backwards", "source"))
    for strategy in STRATEGIES:
        print(line.format(strategy.key, strategy.__name__, strategy.kind, strategy.backward_passes, strategy.source))
