"""MLflow: one run for each trial in an experiment; a trial that is already there is skipped."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from mtlray.errors import LaunchError
from mtlray.trackers.tracked_trial import TrackedTrial, need

# MLflow takes 1,000 metrics a call and 250 characters a parameter.
_BATCH = 1000
_TAG = "mtlray.trial_id"


def to_mlflow(trials: Iterable[TrackedTrial], to: str, project: str) -> str:
    """Send each trial to the tracking server or store `to`; returns what was done. Raises LaunchError."""
    mlflow = need("mlflow", "mlflow")
    entities = need("mlflow.entities", "mlflow")
    n = passed = 0
    try:
        client = mlflow.MlflowClient(tracking_uri=to)
        experiment = client.get_experiment_by_name(project)
        experiment_id = experiment.experiment_id if experiment is not None else client.create_experiment(project)
        for trial in trials:
            same = client.search_runs([experiment_id], f"tags.`{_TAG}` = '{trial.trial_id}'", max_results=1)
            if any(found.info.status == "FINISHED" for found in same):
                passed += 1
                continue
            for torn in same:  # an export that was stopped half-way
                client.delete_run(torn.info.run_id)
            tags = {_TAG: trial.trial_id, "group": trial.group, "state": trial.state, "spec": trial.parameters["spec"]}
            run_id = client.create_run(experiment_id, run_name=trial.name, tags=tags).info.run_id
            parameters = [entities.Param(k, str(v)[:250]) for k, v in trial.parameters.items() if k != "spec"]
            metrics = [
                entities.Metric(name.replace("%", "percent"), value, 0, step)
                for step, values in (*trial.scalars, (trial.parameters["steps"], dict(trial.final)))
                for name, value in values.items()
            ]
            client.log_batch(run_id, params=parameters)
            for start in range(0, len(metrics), _BATCH):
                client.log_batch(run_id, metrics=metrics[start : start + _BATCH])
            if trial.kept:
                with tempfile.TemporaryDirectory() as folder:
                    for name, data in trial.kept.items():
                        Path(folder, name).write_bytes(data)
                    client.log_artifacts(run_id, folder, "kept")
            client.set_terminated(run_id)
            n += 1
    except Exception as error:
        raise LaunchError(
            f"MLflow at `{to}` should take the trials of this sweep; it took {n}. It says: {' '.join(str(error).split())[:300]}. "
            "The results are untouched. Fix that, then run the same command again to continue."
        ) from error
    return f"{n} trials sent to the MLflow experiment `{project}` at {to}; {passed} were already there."
