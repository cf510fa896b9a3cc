#!/bin/bash
#SBATCH --job-name=gong2019-table1
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
#SBATCH --exclusive
#SBATCH --gpus-per-node=4
#SBATCH --partition=gpu
#
# Made by: mtlray launch-script slurm sweeps/gong2019_table1.py --nodes 4 --cpus 16 --gpus 4 --partition gpu --setup '. .venv/bin/activate'
# Submit:  sbatch THIS_FILE

set -u
cd "$SLURM_SUBMIT_DIR" || exit 2
. .venv/bin/activate

# By one name on every node, which nobody can foresee. Short: the paths of Ray's sockets may have 107 bytes.
RAY_TMPDIR="/tmp/r$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')"
export RAY_TMPDIR
trap 'rm -rf "$RAY_TMPDIR"' EXIT
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))
# One token for this job. Without it nodes refuse each other as soon as any Ray was started under this home folder.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_TOKEN
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300  # seconds for all nodes to join; Ray's own 30 are too few
export RAY_memory_monitor_refresh_ms=0             # Slurm's limits hold; a trial that Ray's monitor kills ends its neighbours
export MTLRAY_PID_FILE="$RAY_TMPDIR/driver.pid" MTLRAY_CODE_FILE="$RAY_TMPDIR/driver.code"
# Ray would count the machine's cores and not those of the job, and srun does not take these over from sbatch by itself. Each node
# makes the folder for this user alone.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --kill-on-bad-exit=1 \
  bash -c 'mkdir -m 700 "$RAY_TMPDIR" && exec "$@"' node \
  ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
  --num-cpus="$SLURM_CPUS_PER_TASK" --num-gpus="$SLURM_GPUS_ON_NODE" -- \
  bash -c '"$@" & echo $! > "$MTLRAY_PID_FILE"; wait $!; code=$?; echo $code > "$MTLRAY_CODE_FILE"; exit $code' driver \
  mtlray run sweeps/gong2019_table1.py --yes --results results --data "${SLURM_TMPDIR:-$HOME/.cache}/mtlray" --device cuda --address "$head:$port" --grace-seconds 120 &
job=$!
# The driver runs on the first node, as this script does; srun itself must not be stopped, or all Rays would be killed at once.
driver() { cat "$MTLRAY_PID_FILE" 2>/dev/null || echo "$job"; }
# srun's own code is that of any node. Without one of the driver, which was at work, Slurm ended it: another node's Ray was lost.
ended() { cat "$MTLRAY_CODE_FILE" 2>/dev/null || if [ -e "$MTLRAY_PID_FILE" ]; then echo 75; else echo "$1"; fi; }

warned= told=
stop() { signalled=yes told=yes; kill -TERM "$(driver)" 2>/dev/null; }
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
[ -z "${SLURM_ARRAY_TASK_ID:-}" ] || this=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
# Without a warning, a job that is no longer running was cancelled by a person, or Slurm itself puts it back into the queue.
wanted() { [ -n "$warned" ] || scontrol show job -o "$this" | grep -q " JobState=RUNNING "; }
# Stopped by the signal with trials left, or while it started. What trials have saved is whole either way.
if [ "$code" -eq 75 ] || { [ -n "$told" ] && [ "$code" -gt 128 ]; }; then
  if ! wanted; then
    echo "Not requeued: this job was cancelled, or Slurm puts it back into the queue itself."
  elif [ "${SLURM_RESTART_COUNT:-0}" -ge 100 ]; then
    echo "Requeued 100 times already; submit this script again to continue."
  elif ! scontrol requeue "$this"; then
    echo "Could not requeue this job; submit this script again to continue."
  fi
fi
exit "$code"
