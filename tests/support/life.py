"""The whole life of a results folder, killed (SIGKILL) at every failpoint it passes and lived again. Imports no torch.

usage: python life.py FOLDER first|all      each failpoint once, or at every one of its hits; prints what it saw as JSON
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pyarrow as pa

from mtlray.results.attempts import failures
from mtlray.results.kept import KeptNetwork, read_weights, write_kept
from mtlray.results.ledger import Ledger
from mtlray.results.schema import SUMMARY, curves_schema
from mtlray.storage.failpoints import FAILPOINTS

DATASET = "digits"
TRIALS = [f"{i:016x}" for i in range(4)]
DAMAGED, FAILS_ONCE = TRIALS[1], TRIALS[2]
NO_WEIGHTS = (2).to_bytes(8, "little") + b"{}"  # a safetensors file without a tensor
CURVES = curves_schema([("left", ["accuracy"])])


def tables(trial_id, state="done"):
    """Curves and summary of a trial; the numbers depend on its id alone."""
    value = float(int(trial_id, 16))
    row = dict.fromkeys(SUMMARY.names) | {
        "trial_id": trial_id, "state": state, "dataset": DATASET, "data_fingerprint": "f", "model": "m", "device": "d",
        "task": "left", "metric": "accuracy", "steps": 20, "seconds": 1.0, "attempts": 1, "error": "",
        "last": value, "results_version": 1, "n_evaluations": 2,
    }  # fmt: skip
    curves = [
        dict.fromkeys(CURVES.names) | {"trial_id": trial_id, "step": s, "test/left/accuracy": value + s}
        for s in (10, 20)
    ]
    return pa.Table.from_pylist(curves, schema=CURVES), pa.Table.from_pylist([row], schema=SUMMARY)


def run_trial(ledger, trial_id, *, fails):
    """What a worker does, from the newest checkpoint on."""
    folder = ledger.folder(trial_id)
    generations = folder.checkpoints
    step = int(generations.read(generations.names()[0])) if generations.names() else 0
    assert step in (0, 5, 10, 15), step
    attempts = folder.begin("launch", "host", os.getpid())
    assert attempts[-1].number == len(attempts)
    for at in range(step + 5, 20, 5):
        generations.write(str(at).encode())
    curves, summary = tables(trial_id, "failed" if fails else "done")
    if not fails:
        write_kept(ledger.store, DATASET, trial_id, KeptNetwork(NO_WEIGHTS, curves, {"trial_id": trial_id}))
    ledger.commit(trial_id, DATASET, None if fails else curves, summary)
    folder.finish(attempts, "finished", "")
    generations.delete()


def live(root):
    """One launch after the other, as the command line does it; goes on from wherever the folder stands."""
    ledger = Ledger(str(root), "sweep")
    marks = root / "marks"  # what happens once only: outside the folder, as an accident is
    marks.mkdir(exist_ok=True)
    for stage in ("run", "compact", "accident", "run", "compact"):
        if stage == "accident":
            if not (marks / "accident").exists():
                (marks / "accident").touch()
                for path in (root / "sweep" / "curves" / DATASET).glob("compact-*.parquet"):
                    path.write_bytes(path.read_bytes()[:-30])
        elif stage == "compact":
            if not ledger.records()[1]:
                ledger.compact()
        else:
            ledger.write_sweep({"trials": TRIALS})
            ledger.quarantine()
            failed = [i for i, record in ledger.records()[0].items() if record.state == "failed"]
            ledger.forget(failed)
            for trial_id in TRIALS:
                if trial_id not in ledger.records()[0]:
                    fails = trial_id == FAILS_ONCE and (marks / "accident").exists() and not (marks / "failed").exists()
                    run_trial(ledger, trial_id, fails=fails)
                    if fails:
                        (marks / "failed").touch()
    if left := [i for i, record in ledger.records()[0].items() if record.state == "failed"]:
        ledger.forget(left)
        live(root)


def seen(root):
    """What every reader sees: the rows, each once, and what is damaged."""
    ledger = Ledger(str(root), "sweep")
    summary, damaged = ledger.summary()
    rows = sorted((r["trial_id"], r["state"], r["last"]) for r in summary.to_pylist())
    curves = ledger.curves(DATASET)
    points = sorted((r["trial_id"], r["step"], r["test/left/accuracy"]) for r in curves.to_pylist()) if curves else []
    return [rows, points, damaged, sorted(ledger.records()[0])]


def check_halfway(root):
    """After a kill: no file that readers take for whole is torn, no trial is there twice, none is finished without its curves."""
    ledger = Ledger(str(root), "sweep")
    records, _ = ledger.records()
    summary, damaged = ledger.summary()
    ids = summary.column("trial_id").to_pylist()
    problems = []
    if len(ids) != len(set(ids)) or damaged:
        problems.append(f"rows twice or torn: {ids} {damaged}")
    curves = ledger.curves(DATASET)
    with_curves = set(curves.column("trial_id").to_pylist()) if curves else set()
    problems += [
        f"{i} is finished without curves" for i, r in records.items() if r.state == "done" and i not in with_curves
    ]
    for trial_id in TRIALS:
        if trial_id in records and records[trial_id].state == "done":
            read_weights(ledger.store, DATASET, trial_id)
        folder = ledger.folder(trial_id)
        if len(failures(folder.attempts())) > 1:
            problems.append(f"{trial_id} has more failures than kills")
        generations = folder.checkpoints
        for name in generations.names():
            generations.read(name)
    return problems


def in_child(root, failpoint):
    """`live` in a process of its own that dies at the failpoint; the signal that ended it, or 0."""
    pid = os.fork()
    if pid == 0:
        os.environ["MTLRAY_FAILPOINT"] = failpoint
        try:
            live(root)
        except BaseException as error:  # any: the parent must hear of it
            os.write(2, f"{failpoint}: {error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, failpoint
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder, how):
    base = Path(folder)
    golden_root = base / "golden"
    golden_root.mkdir(parents=True)
    live(golden_root)
    golden = seen(golden_root)
    kills, problems = dict.fromkeys(FAILPOINTS, 0), []
    for name in FAILPOINTS:
        for hit in range(1, 2 if how == "first" else 10_000):
            root = base / "run"
            root.mkdir()
            if in_child(root, f"{name}:{hit}") != signal.SIGKILL:
                shutil.rmtree(root)
                break
            kills[name] += 1
            problems += [f"{name}:{hit}: {problem}" for problem in check_halfway(root)]
            in_child(root, "")
            if seen(root) != golden:
                problems.append(f"{name}:{hit}: {seen(root)} is not {golden}")
            leftovers = [str(p) for p in root.rglob("*") if p.name.startswith("checkpoint-")]
            if leftovers:
                problems.append(f"{name}:{hit}: left {leftovers}")
            shutil.rmtree(root)
    print(json.dumps({"kills": kills, "problems": problems, "golden": golden}))


if __name__ == "__main__":
    main(*sys.argv[1:])
