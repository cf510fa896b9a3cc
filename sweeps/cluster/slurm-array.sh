#!/bin/bash
#SBATCH --job-name=quickstart
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
#SBATCH --signal=B:USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log
#SBATCH --array=1-4
#SBATCH --mem=16G
#
# Made by: mtlray launch-script slurm sweeps/quickstart.py --array 4 --cpus 8 --hours 4 --results /shared/results --setup '. .venv/bin/activate'
# Submit:  sbatch THIS_FILE    (some jobs of the array again: sbatch --array=2,3 THIS_FILE)

set -u
cd "$SLURM_SUBMIT_DIR" || exit 2
. .venv/bin/activate

mtlray run sweeps/quickstart.py --yes --results /shared/results --data "${SLURM_TMPDIR:-$HOME/.cache}/mtlray" --device cpu --workers "$SLURM_CPUS_PER_TASK" --shard "$SLURM_ARRAY_TASK_ID/4" --grace-seconds 120 &
job=$!
driver() { echo "$job"; }
ended() { echo "$1"; }

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
