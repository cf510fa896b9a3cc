"""Slurm: one sbatch script, on one node without a Ray cluster, on several with `ray symmetric-run`; or an array of such jobs.

Slurm signals the script before the time limit; the script tells the driver, whose trials save their checkpoints; exit code 75
puts the job back into the queue, where the same command continues. A job that a person cancels stays cancelled.
"""

import shlex
from collections.abc import Sequence

from mtlray.checks import require
from mtlray.launch_scripts.launch import Launch

# Seconds before the time limit at which Slurm signals the script, and the part of them that trials have for a checkpoint. The
# rest is for Ray's end, and for Slurm, which checks its clock once a minute.
_SIGNAL_SECONDS, _GRACE_SECONDS = 300, 120
_MAX_REQUEUES = 100


def slurm(launch: Launch) -> str:
    """The sbatch script. Raises SpecError where an array is to run one part of the grid alone."""
    given = [option for option in launch.run_options if option.partition("=")[0] == "--shard"]
    require(launch.cluster.array == 1 or not given, "array", "be left out beside `--shard`", launch.cluster.array)
    body = _many_nodes(launch) if launch.cluster.nodes > 1 else _one_node(launch)
    return f"{_header(launch)}\n{_preamble(launch)}\n{body}\n{_ENDING}"


def _header(launch: Launch) -> str:
    minutes = round(launch.cluster.hours * 60)
    lines = [
        f"--job-name={launch.slug}",
        f"--nodes={launch.cluster.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={launch.cluster.cpus}",
        f"--time={minutes // 60:02d}:{minutes % 60:02d}:00",
        f"--signal=B:USR1@{_SIGNAL_SECONDS}",
        "--requeue",
        "--open-mode=append",
        "--output=%x-%j.log" if launch.cluster.array == 1 else "--output=%x-%A_%a.log",
    ]
    lines += [f"--array=1-{launch.cluster.array}"] if launch.cluster.array > 1 else []
    if launch.cluster.nodes > 1:
        lines += ["--exclusive"]  # `ray symmetric-run` stops every Ray of the user on its nodes when it ends
    else:
        lines += [f"--mem={launch.cluster.memory_gb}G"]
    lines += [f"--gpus-per-node={launch.cluster.gpus}"] if launch.cluster.gpus else []
    lines += [f"--partition={launch.cluster.partition}"] if launch.cluster.partition else []
    lines += [f"--account={launch.cluster.account}"] if launch.cluster.account else []
    directives = "\n".join(f"#SBATCH {line}" for line in lines)
    again = "    (some jobs of the array again: sbatch --array=2,3 THIS_FILE)" if launch.cluster.array > 1 else ""
    return f"#!/bin/bash\n{directives}\n#\n# Made by: {launch.made_by}\n# Submit:  sbatch THIS_FILE{again}\n"


def _preamble(launch: Launch) -> str:
    setup = f"{launch.cluster.setup}\n" if launch.cluster.setup else ""
    return f"""set -u
cd "$SLURM_SUBMIT_DIR" || exit 2
{setup}"""


def _data(launch: Launch) -> str:
    """Slurm's own folder on the node's disk, where the site makes one, unless told otherwise; never a shared one such as /tmp."""
    return shlex.quote(launch.cluster.data) if launch.cluster.data else '"${SLURM_TMPDIR:-$HOME/.cache}/mtlray"'


def _command(launch: Launch, options: Sequence[str]) -> str:
    """The driver's. Each job of an array has a part of the grid; `sbatch --array` may submit some of them alone."""
    shard = ["--shard", f'"$SLURM_ARRAY_TASK_ID/{launch.cluster.array}"'] if launch.cluster.array > 1 else []
    options = [*options, *shard, "--grace-seconds", str(_GRACE_SECONDS)]
    return launch.run(sweep=str(launch.sweep), data=_data(launch), options=options)


def _one_node(launch: Launch) -> str:
    options = ["--workers", '"$SLURM_CPUS_PER_TASK"'] if launch.cluster.gpus == 0 else []
    return f"""{_command(launch, options)} &
job=$!
driver() {{ echo "$job"; }}
ended() {{ echo "$1"; }}
"""


def _many_nodes(launch: Launch) -> str:
    command = _command(launch, ["--address", '"$head:$port"'])
    gpus = ' --num-gpus="$SLURM_GPUS_ON_NODE"' if launch.cluster.gpus else " --num-gpus=0"
    return f"""# By one name on every node, which nobody can foresee. Short: the paths of Ray's sockets may have 107 bytes.
RAY_TMPDIR="/tmp/r$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')"
export RAY_TMPDIR
trap 'rm -rf "$RAY_TMPDIR"' EXIT
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))
# One token for this job. Without it nodes refuse each other as soon as any Ray was started under this home folder.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')
export RAY_AUTH_TOKEN
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300  # seconds for all nodes to join; Ray's own 30 are too few
export RAY_memory_monitor_refresh_ms=0             # Slurm's limits hold; a trial that Ray's monitor kills ends its neighbours
export MTLRAY_PID_FILE="$RAY_TMPDIR/driver.pid" MTLRAY_CODE_FILE="$RAY_TMPDIR/driver.code"
# Ray would count the machine's cores and not those of the job, and srun does not take these over from sbatch by itself. Each node
# makes the folder for this user alone.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=1 \\
  bash -c 'mkdir -m 700 "$RAY_TMPDIR" && exec "$@"' node \\
  ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \\
  --num-cpus="$SLURM_CPUS_PER_TASK"{gpus} -- \\
  bash -c '"$@" & echo $! > "$MTLRAY_PID_FILE"; wait $!; code=$?; echo $code > "$MTLRAY_CODE_FILE"; exit $code' driver \\
  {command} &
job=$!
# The driver runs on the first node, as this script does; srun itself must not be stopped, or all Rays would be killed at once.
driver() {{ cat "$MTLRAY_PID_FILE" 2>/dev/null || echo "$job"; }}
# srun's own code is that of any node. Without one of the driver, which was at work, Slurm ended it: another node's Ray was lost.
ended() {{ cat "$MTLRAY_CODE_FILE" 2>/dev/null || if [ -e "$MTLRAY_PID_FILE" ]; then echo 75; else echo "$1"; fi; }}
"""


_ENDING = f"""warned= told=
stop() {{ signalled=yes told=yes; kill -TERM "$(driver)" 2>/dev/null; }}
trap 'warned=yes; stop' USR1
trap stop TERM
code=0
while :; do  # a signal ends `wait` early
  signalled=
  wait "$job"
  status=$?
  [ "$status" -eq 127 ] || code=$status
  [ -n "$signalled" ] || break
done
code=$(ended "$code")
# One job of an array has the array's own number, which means all of its jobs to scontrol.
this=$SLURM_JOB_ID
[ -z "${{SLURM_ARRAY_TASK_ID:-}}" ] || this=${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID
# Without a warning, a job that is no longer running was cancelled by a person, or Slurm itself puts it back into the queue.
wanted() {{ [ -n "$warned" ] || scontrol show job -o "$this" | grep -q " JobState=RUNNING "; }}
# Stopped by the signal with trials left, or while it started. What trials have saved is whole either way.
if [ "$code" -eq 75 ] || {{ [ -n "$told" ] && [ "$code" -gt 128 ]; }}; then
  if ! wanted; then
    echo "Not requeued: this job was cancelled, or Slurm puts it back into the queue itself."
  elif [ "${{SLURM_RESTART_COUNT:-0}}" -ge {_MAX_REQUEUES} ]; then
    echo "Requeued {_MAX_REQUEUES} times already; submit this script again to continue."
  elif ! scontrol requeue "$this"; then
    echo "Could not requeue this job; submit this script again to continue."
  fi
fi
exit "$code"
"""
