"""A driver that was frozen and replaced by one of another host: it writes nothing more, and says who has taken over (F7)."""

import dataclasses
import json
import signal

from faultlib import SWEEP, tree, wait_for

from mtlray.results.owner import Owner

LONG = ("--seeds", "0", "--steps", "100000", "--in-process", "--yes", "--checkpoint-seconds", "0.05")


def test_one_that_was_replaced_while_it_was_frozen_writes_nothing_more(tmp_path, data, drivers):
    running = drivers.start("run", SWEEP, *LONG, "--results", tmp_path, "--data", data)
    folder = tmp_path / "small"
    wait_for(lambda: list(folder.glob("trials/*/checkpoint-*.pt")))
    running.kill(signal.SIGSTOP)
    for half in folder.rglob("*.tmp"):  # what it was writing at that moment, and takes away or not
        half.unlink()
    theirs = dataclasses.replace(Owner.me(), host="elsewhere")
    (folder / "driver.json").write_text(json.dumps(dataclasses.asdict(theirs)))
    before = tree(folder)
    running.kill(signal.SIGCONT)
    assert running.wait() == 2, running.output
    after = tree(folder)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == set()
    assert f"({theirs.words()}) took over" in running.output
    assert "Traceback" not in running.output
