"""Weights & Biases: one run for each trial, whose id is the trial's, grouped by cell."""

from collections.abc import Iterable

from mtlray.errors import LaunchError
from mtlray.trackers.tracked_trial import TrackedTrial, need


def to_wandb(trials: Iterable[TrackedTrial], to: str, project: str) -> str:
    """Send each trial to a project; `WANDB_MODE=offline` writes below `to` instead. Returns what was done.

    A trial that is already there is overwritten, because its run has the trial's id. Raises LaunchError.
    """
    wandb = need("wandb", "wandb")
    n = 0
    for trial in trials:
        try:
            tracked = wandb.init(
                project=project,
                id=trial.trial_id,
                name=trial.name,
                group=trial.group,
                config=dict(trial.parameters),
                tags=[trial.state],
                dir=to,
                resume="allow",
                reinit="finish_previous",
                settings=wandb.Settings(console="off", silent=True),
            )
            for step, values in trial.scalars:
                tracked.log(values, step=step)
            tracked.summary.update(dict(trial.final))
            if trial.kept:
                artifact = wandb.Artifact(f"kept-{trial.trial_id}", type="model")
                for name, data in trial.kept.items():
                    with artifact.new_file(name, mode="wb") as file:
                        file.write(data)
                tracked.log_artifact(artifact)
            tracked.finish()
        except Exception as error:
            raise LaunchError(
                f"W&B should take trial {trial.trial_id} ({trial.name}), after {n} that it took. It says: {error}. The "
                "results are untouched. Log in with `wandb login`, or export with WANDB_MODE=offline and `wandb sync` later."
            ) from error
        n += 1
    return f"{n} trials sent to the W&B project `{project}`."
