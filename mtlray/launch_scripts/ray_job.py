"""`ray job submit`: the sweep file's folder goes to a running cluster, whose head runs the driver."""

import json
import shlex

from mtlray.launch_scripts.launch import Launch

# What a sweep does not need there; Ray refuses folders of more than 100 MiB.
_EXCLUDES = ["results/", ".git/", ".venv/", "*.parquet", "*.pt"]


def ray_job(launch: Launch) -> str:
    """The shell script."""
    launch.shared_results("The nodes of a Ray cluster")
    command = launch.run(
        sweep=launch.sweep.name,
        data=None if launch.cluster.data is None else shlex.quote(launch.cluster.data),
        options=["--address", "auto"],
    )
    return f"""#!/bin/bash
# Made by: {launch.made_by}
# Run:     bash THIS_FILE    (needs `pip install 'ray[default]'` here, mtlray on every node, and access to the dashboard)
# A cluster with a token: export RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH first.
# If the cluster goes away, the job ends. Run this script again to continue with what is left.
set -eu
ray job submit --address {shlex.quote(launch.cluster.address)} \\
  --working-dir {shlex.quote(str(launch.sweep.parent))} \\
  --runtime-env-json {shlex.quote(json.dumps({"excludes": _EXCLUDES}))} \\
  -- {command}
"""
