"""The command line as a user meets it: what it prints, its exit codes, and that bad input changes nothing on disk."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from from_curves import joint_evaluations, table_of_curves
from places import ROOT, SMALL

import mtlray
from mtlray.analysis import table
from mtlray.data.files import prepared
from mtlray.results.ledger import SUMMARY_CIRCUMSTANCES, Ledger
from mtlray.running.in_process import InProcess
from mtlray.specs.sweepfile import load_sweep
from mtlray.storage.system_lock import alone


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def sweep_file(folder, **replacements):
    """sweep_small.py with some text replaced."""
    text = SMALL.read_text()
    for old, new in replacements.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "mine.py"
    path.write_text(text)
    return path


def edited(folder, old, new):
    return sweep_file(folder, **{old: new})


BAD_SWEEPS = {
    "unknown strategy class": ("    DWA,\n", "    DWAA,\n", "no name in mtlray `DWAA`. Did you mean `DWA`?"),
    "unknown data source": (
        'source="mnist5k"',
        'source="mnist5"',
        "no source of Multi-MNIST digits `mnist5`. Did you mean",
    ),
    "unknown layout": ('source="mnist5k"', 'source="mnist5k", layout="seener"', "Did you mean `sener`?"),
    "unknown model": ("model=LeNet()", 'model=LeNet(preset="D")', "Valid names: A, A28, B, C"),
    "unknown hyperparameter": ("DWA()", "DWA(temprature=1)", "unexpected keyword argument 'temprature'"),
    "bad hyperparameter": ("DWA()", "DWA(temperature=0)", "Parameter `temperature` should be positive"),
    "fraction above one": (
        "fractions=(0.25,)",
        "fractions=(0.25, 2.5)",
        "should lie in (0, 1]. Found `fractions = (0.25, 2.5)`",
    ),
    "fraction of zero": ("fractions=(0.25,)", "fractions=(0,)", "should lie in (0, 1]"),
    "task that is not there": ('SingleTask(task="left")', 'SingleTask(task="up")', "no task `up`"),
    "inputs of another size": ("val_digits=500", "val_digits=500, image_size=28", "takes images of 1x36x36"),
    "the same trial twice": ("DWA(), ", "DWA(), DWA(), ", "the same trial twice: dwa"),
    "a learning rate in quotes": ("lr=0.02", 'lr="0.02"', "Parameter `lr` should be a number. Found `lr = '0.02'`."),
    "no steps": ("steps=250", "steps=0", "Parameter `steps` should be at least 1"),
    "no SWEEP": ("SWEEP = ", "MINE = ", "should define `SWEEP = SweepSpec(...)`. Found no such name"),
    "a class for a strategy": ("DWA(), ", "DWA, ", "Found the class `DWA`: write `DWA()`"),
    "the key for a strategy": ("DWA(), ", '"dwa", ', "Found `strategies = 'dwa'`: write `DWA()`"),
    "a seed that is no integer": ("seeds=range(2)", "seeds=(0.0,)", "should hold integers. Found `seeds = 0.0`"),
    "nothing to select by": ("val_digits=500", "val_digits=0", "othing select, with `selection="),
    "a rule that raises": (
        "seeds=range(2)",
        "seeds=(0,), rules=(lambda trial: 1 / 0,)",
        "ZeroDivisionError: division by zero",
    ),
    "a published table that is not there": (
        "seeds=range(2)",
        'seeds=(0,), published="gong2019:5"',
        "no published table `gong2019:5`. Did you mean `gong2019:4`? Valid names: gong2019:1, ",
    ),
    "broken Python": (
        "SWEEP = SweepSpec(",
        "SWEEP = SweepSpec((",
        "should define SWEEP. Loading it failed: SyntaxError",
    ),
}


# What is found only when the file has been read.
WITHOUT_A_LINE = (
    "task that is not there", "inputs of another size", "the same trial twice", "nothing to select by", "a rule that raises",
    "a published table that is not there",
)  # fmt: skip


@pytest.mark.parametrize("name", BAD_SWEEPS)
@pytest.mark.parametrize("verb", ["plan", "run"])
def test_a_bad_sweep_is_one_paragraph_and_exit_code_2(cli, tmp_path, name, verb):
    old, new, expected = BAD_SWEEPS[name]
    path = edited(tmp_path, old, new)
    before = tree(tmp_path)
    code, out, err = cli(verb, path)
    assert code == 2
    assert expected in err
    assert "mine.py" in err or name in WITHOUT_A_LINE
    assert "Traceback" not in out + err
    assert err.count("\n") == 1
    assert {k: v for k, v in tree(tmp_path).items() if "__pycache__" not in k} == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["plan", "nowhere.py"], "Found no file `nowhere.py`"),
        (["plan", str(ROOT / "README.md")], "should be a Python file that defines SWEEP"),
        (["plan", str(SMALL), "--seeds", "7:9"], "The sweep has no seed 7. It has: 0, 1."),
        (["plan", str(SMALL), "--seeds", "x"], "Option --seeds should look like 0:3 or 0,2,5. Found `x`."),
        (["plan", str(SMALL), "--strategies", "dva"], "The sweep has no strategy dva"),
        (["plan", str(SMALL), "--fractions", "0.5"], "The sweep has no fraction 0.5. It has: 0.25."),
        (["plan", str(SMALL), "--fractions", "25%"], "Found `25%`. A quarter of the data is 0.25."),
        (["plan", str(SMALL), "--fractions", "half"], "Option --fractions should be numbers"),
        (["plan", str(SMALL), "--steps", "0"], "Parameter `steps` should be at least 1"),
        (["run", str(SMALL), "--device", "tpu"], 'Parameter `device` should be "auto", "cpu" or "cuda"'),
        (["plan", str(SMALL), "--workers", "-3"], "Parameter `workers` should be at least 1. Found `workers = -3`."),
        (["run", str(SMALL), "--workers", "0"], "Parameter `workers` should be at least 1"),
        (["run", str(SMALL), "--pack-size", "x"], "Option --pack-size should be a whole number or auto. Found `x`."),
        (["run", str(SMALL), "--pack-size", "0"], "Parameter `pack_size` should be a whole number, at least 1"),
        (["run", str(SMALL), "--gpus-per-trial", "half"], "Option --gpus-per-trial should be a number or auto."),
        (["run", str(SMALL), "--gpus-per-trial", "0"], "Parameter `gpus_per_trial` should lie in (0, 1], as no"),
        (
            ["run", str(SMALL), "--gpus-per-trial", "2"],
            'as no trial uses two GPUs, or be "auto". Found `gpus_per_trial = 2',
        ),
        (["run", str(SMALL), "--gpus-per-trial", "1.5"], "Found `gpus_per_trial = 1.5`."),
        (["run", str(SMALL), "--gpus-per-trial", "nan"], "Found `gpus_per_trial = nan`."),
        (["run", str(SMALL), "--device", "cpu", "--gpus-per-trial", "0.5"], 'be left out where `device` is "cpu"'),
        (["run", str(SMALL), "--in-process", "--gpus-per-trial", "auto"], "Found both, with auto GPUs per trial."),
        (["run", str(SMALL), "--in-process", "--results", "/proc/nowhere"], "choose another place with --results"),
        (["run", str(SMALL), "--in-process", "--data", "/proc/nowhere"], "choose another place with --data"),
        (["run", str(SMALL), "--address", "127.0.0.1:9"], "Nobody answers at `127.0.0.1:9`"),
        (["run", str(SMALL), "--results", "nosuch://bucket"], "a folder or a URI that pyarrow knows"),
        (["table", "nowhere"], "nowhere"),
        (["table", "nowhere", "--seeds", "0:1"], "need its sweep file"),
        (["data", "prepare", "cifar"], "no data source `cifar`"),
        (["data", "import", "mnist5k", "."], "needs no import"),
        (["data", "import", "mnist", "."], "Missing: train-images-idx3-ubyte.gz"),
        (["data", "import", "mnist", ".", "--no-normals"], "has no use for --no-normals"),
        (["data", "import", "nyuv2", ".", "--no-normals", "--normals", "a.zip"], "Found both. Leave one out."),
        (["data", "import", "nyuv2", ".", "--normals", "a.zip"], "should be the official .mat file or its folder"),
        (["data", "import", "nyuv2", "."], "should be mtan's folder"),
        (["data", "prepare", "utkface"], "mtlray does not download utkface; you have to bring it"),
        (["data", "prepare", "nyuv2", "--form", "zip"], "no form of nyuv2 that can be fetched `zip`"),
        (["data", "prepare", "mnist5k", "--form", "mat"], "has no use for --form"),
        (["data", "verify", "nyuv2"], "nyuv2 should have been imported to"),
        (["data", "show", "nyuv2", "--out", "x.png"], "nyuv2 should have been imported to"),
        (["data", "show", "cifar", "--out", "x.png"], "no data source `cifar`"),
    ],
    ids=lambda value: " ".join(Path(v).name for v in value) if isinstance(value, list) else "",
)
def test_bad_arguments_are_one_paragraph_and_exit_code_2(cli, arguments, expected):
    code, out, err = cli(*arguments)
    assert code == 2
    assert expected in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("relative", [True, False])
def test_the_line_of_a_bad_sweep_is_named(cli, tmp_path, relative):
    path = edited(tmp_path, "steps=250", "steps=0")
    line = 1 + SMALL.read_text()[: SMALL.read_text().index("TrialSpec(\n")].count("\n")
    shown = Path("mine.py") if relative else path
    _, _, err = cli("plan", shown)
    assert err.startswith(f"Error: {shown}:{line}: Parameter `steps` should")


def test_sweep_files_of_one_name_keep_apart(tmp_path, unchecked):
    """Two files by one name in one process: each class has its own file's code, and the folder does not count."""
    ids = []
    for folder, decay in (("a", "0.9"), ("b", "0.8"), ("c", "0.9")):
        (tmp_path / folder).mkdir()
        path = edited(tmp_path / folder, "    decay: float = 0.9", f"    decay: float = 0.9\n    DECAY = {decay}")
        ids.append(load_sweep(path)[0])
    one, two, again = ([trial.trial_id for trial in sweep.trials()] for sweep in ids)
    assert one == again
    assert one[:6] == two[:6]
    assert not set(one[6:]) & set(two[6:])


def test_a_sweep_file_imports_a_module_beside_it(tmp_path, unchecked):
    """Also where another sweep's folder has one of the same name."""
    path_before = list(sys.path)
    for folder, steps in (("a", 3), ("b", 4)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "beside_the_sweep.py").write_text(f"STEPS = {steps}\n")
        path = edited(tmp_path / folder, "steps=250", "steps=__import__('beside_the_sweep').STEPS")
        assert load_sweep(path)[0].base.steps == steps
    assert sys.path == path_before


def test_an_error_of_the_system_is_one_paragraph(cli, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mtlray.sweep.Sweep.plan_text", full)
    assert cli("plan", SMALL) == (2, "", "Error: [Errno 28] No space left on device\n")


def test_a_terminal_set_to_ascii(tmp_path):
    command = [sys.executable, "-c", "from mtlray.cli import main; main()", "plan", "größe.py"]
    done = subprocess.run(
        command, capture_output=True, cwd=tmp_path, timeout=60, env={**os.environ, "PYTHONIOENCODING": "ascii:strict"}
    )
    assert done.returncode == 2
    assert b"Found no file `gr??e.py`" in done.stderr


def test_an_unknown_option_is_a_usage_error(cli):
    code, _, err = cli("plan", SMALL, "--sede", "1")
    assert code == 2
    assert "--sede" in err


def test_a_corrupt_mnist_file_is_named_and_nothing_is_copied(cli, tmp_path):
    from mtlray.data.multi_mnist.official import MNIST

    folder = tmp_path / "mine"
    folder.mkdir()
    for name in MNIST.md5:
        (folder / name).write_bytes(b"\x1f\x8b not the official bytes")
    before = tree(tmp_path)
    code, _, err = cli("data", "import", "mnist", folder)
    assert code == 2
    assert "should be the official MNIST file with md5" in err
    assert tree(tmp_path) == before


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished sweep of two short trials."""
    folder = tmp_path_factory.mktemp("finished")
    command = [sys.executable, "-c", "from mtlray.cli import main; main()", "run", str(SMALL), "--in-process"]
    command += ["--seeds", "0:1", "--strategies", "stl,dwa", "--steps", "20"]
    command += ["--results", str(folder / "results"), "--data", str(folder / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_curves_of_trained_trials_give_the_same_evaluations_and_table(finished):
    folder = finished / "results" / "small"
    summary, curves = pd.read_parquet(folder / "summary"), pd.read_parquet(folder / "curves")
    guess = summary.groupby("task")["trivial"].first().to_dict()  # from the training labels, which curves do not hold
    picked = joint_evaluations(curves, guess)
    assert (
        summary.drop_duplicates("trial_id").set_index("trial_id")["joint_val_step"].to_dict()
        == picked["step"].to_dict()
    )
    ours = table(str(folder)).set_index(["strategy", "fraction", "task"])["mean"]
    assert ours.sort_index().to_dict() == table_of_curves(curves, guess)["mean"].to_dict()


NARROW = ("--seeds", "0:1", "--strategies", "stl,dwa", "--steps", "20")


def test_a_number_changed_by_hand_is_in_no_table_and_its_trial_runs_again(cli, tmp_path, finished):
    shutil.copytree(finished / "results", tmp_path / "results")
    folder = tmp_path / "results" / "small"
    before, _ = Ledger(str(tmp_path / "results"), "small").summary()
    (shard, *_) = (folder / "summary").glob("*.parquet")
    frame = pd.read_parquet(shard)
    frame["at_best_val"] = 99.99
    frame.to_parquet(shard)
    code, out, _ = cli("table", folder)
    assert (code, "99.99" in out) == (0, False)
    assert "1 to run" in cli("plan", SMALL, *NARROW)[1]
    code, out, err = cli("run", SMALL, "--in-process", *NARROW)
    assert code == 0, out + err
    assert f"Moved to quarantine/: summary/{shard.name}" in out
    after, damaged = Ledger(str(tmp_path / "results"), "small").summary()
    numbers = [t.drop_columns([*SUMMARY_CIRCUMSTANCES]).sort_by("trial_id") for t in (before, after)]
    assert (numbers[0].equals(numbers[1]), damaged) == (True, [])


def test_other_data_is_refused(cli, tmp_path, finished):
    shutil.copytree(finished / "results", tmp_path / "results")
    shutil.copytree(finished / "data", tmp_path / "data")
    (meta,) = (tmp_path / "data" / "prepared").glob("*/meta.json")
    arrays = {path.stem: np.load(path) for path in meta.parent.glob("*.npy")}
    arrays["test-labels"][0] += 1
    np.save(meta.parent / "test-labels.npy", arrays["test-labels"])
    record = json.loads(meta.read_text())
    meta.write_text(json.dumps({"fingerprint": prepared.fingerprint(arrays), "arrays": record["arrays"]}))
    code, _, err = cli("run", SMALL, "--in-process", *NARROW[:4], "--steps", "21")
    assert code == 2
    assert "must not be mixed" in err


def test_plan_status_and_table_read_only(cli, tmp_path, finished):
    before = tree(finished)
    results = ("--results", finished / "results")
    code, out, _ = cli("plan", SMALL, *NARROW, *results)
    assert code == 0
    assert "All 2 trials are finished" in out
    code, out, _ = cli("plan", SMALL, *results)
    assert "8 to run, 0 done" in out
    assert "2 other finished trials" in out
    code, out, _ = cli("status", SMALL, *NARROW, *results)
    assert "2 done of 2 trials" in out
    code, out, _ = cli("status", SMALL, *NARROW, *results, "--json")
    assert json.loads(out)["counts"] == {"done": 2}
    code, by_folder, _ = cli("table", finished / "results" / "small")
    code, by_file, _ = cli("table", SMALL, *NARROW, *results)
    assert by_folder == by_file
    assert "best_val" in by_folder
    assert "NOT the full MNIST" in " ".join(by_folder.split())
    assert tree(finished) == before


def test_a_pack_trains_its_seeds_together_and_says_so(cli, tmp_path, monkeypatch):
    monkeypatch.setenv("MTLRAY_RESULTS", str(tmp_path / "packed"))
    code, _, _ = cli(
        "run", SMALL, "--in-process", "--strategies", "dwa", "--steps", "6", "--seeds", "0:2", "--pack-size", "2"
    )
    assert code == 0
    rows = pd.read_parquet(tmp_path / "packed" / "small" / "summary")
    assert dict(rows.groupby("seed")["pack_size"].first()) == {0: 2, 1: 2}
    assert set(rows["kernel"]) == {"torch"}  # one network at a time has the compiled kernel


def test_a_damaged_shard_is_named_and_its_trial_runs_again(cli, tmp_path, finished):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    (shard, *_) = (tmp_path / "results" / "small" / "summary").glob("*.parquet")
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])
    code, out, _ = cli("plan", SMALL, *NARROW)
    assert code == 0
    assert shard.name in out
    assert "1 to run" in out
    code, out, _ = cli("status", SMALL, *NARROW)
    assert "1 damaged" in out
    code, out, _ = cli("run", SMALL, *NARROW, "--in-process")
    assert code == 0
    pq.read_table(shard)


def test_a_strategy_that_raises_fails_its_trials_and_retry_lets_them_run_again(cli, tmp_path):
    path = edited(
        tmp_path, "        mean = self.decay", '        raise ValueError("my mistake")\n        mean = self.decay'
    )
    narrow = ("--seeds", "0:1", "--strategies", "stl,loss_share", "--steps", "20")
    code, out, _ = cli("run", path, *narrow, "--in-process")
    assert code == 1
    assert "ValueError: my mistake" in out
    assert "0/1" in out
    code, out, _ = cli("run", path, *narrow, "--in-process")
    assert code == 1
    assert "nothing to run" in out
    code, out, _ = cli("status", path, *narrow)
    assert "1 failed" in out
    assert "my mistake" in out
    code, out, _ = cli("retry", path, *narrow)
    assert "1 failed trial will run again" in out
    code, out, _ = cli("plan", path, *narrow)
    assert "1 to run (1 started before), 1 done" in out


def test_compact_keeps_the_table_and_the_plan(cli, tmp_path, finished):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    _, before, _ = cli("table", "results/small")
    code, out, _ = cli("compact", SMALL)
    assert code == 0
    assert "2 finished trials merged" in out
    assert len(list((tmp_path / "results" / "small" / "summary").iterdir())) == 1
    assert cli("table", "results/small")[1] == before
    assert "All 2 trials are finished" in cli("plan", SMALL, *NARROW)[1]


def test_a_second_driver_is_told(cli, tmp_path, finished):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    with alone(tmp_path / "results" / "small" / "driver.lock"):
        code, _, err = cli("run", SMALL, "--in-process")
    assert code == 2
    assert "Another `mtlray` is working on this sweep" in err


def test_listings(cli):
    code, out, _ = cli("strategies")
    assert code == 0
    for key in ("stl", "equal", "dwa", "uncertainty", "revised_uncertainty"):
        assert key in out
    code, out, _ = cli("data", "list")
    assert "md5 f68b3c2dcbeaaa9fbdd348bbdeb94873" in out
    code, out, _ = cli("--version")
    assert out == f"mtlray {mtlray.__version__}\n"
    code, out, _ = cli("doctor")
    assert "torch" in out


@pytest.mark.parametrize("path", sorted((ROOT / "sweeps").glob("*.py")), ids=lambda p: p.stem)
def test_every_sweep_of_the_project_is_planned(cli, path):
    code, out, _ = cli("plan", path)
    assert code == 0
    assert "trials" in out


def test_the_paper_sweeps_have_the_paper_sizes():
    for name, trials in (("table1", 120), ("table2", 150)):
        sweep, _ = load_sweep(ROOT / "sweeps" / f"gong2019_{name}.py")
        assert len(sweep.trials()) == trials
        assert {trial.steps for trial in sweep.trials()} == {93_800}
        assert dataclasses.asdict(sweep.base.optimizer)["momentum"] == 0.9


@pytest.mark.parametrize("module", ["mtlray", "mtlray.cli", "mtlray.results", "mtlray.analysis"])
def test_imports_are_light(module):
    code = f"import sys, {module}; print([m for m in ('torch', 'ray') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_a_sweep_file_edited_between_plan_and_start_is_refused(cli, tmp_path, monkeypatch):
    path = sweep_file(tmp_path)

    def edit_and_agree():
        path.write_text(path.read_text().replace("seeds=range(2)", "seeds=range(3)"))
        return True

    monkeypatch.setattr("mtlray.cli.sweeps._confirm", edit_and_agree)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    before = {name for name in tree(tmp_path) if name.startswith("results")}
    code, _, err = cli("run", path, "--in-process")
    assert code == 2
    assert "was edited after it was planned" in err
    assert len(err.strip().splitlines()) == 1
    assert {name for name in tree(tmp_path) if name.startswith("results")} == before == set()


def test_a_sweep_file_edited_while_it_runs_changes_what_runs_next(cli, tmp_path, monkeypatch):
    path = sweep_file(tmp_path)

    run = InProcess.run

    def edit_and_run(runner, packs, session):
        path.write_text(path.read_text().replace("seeds=range(2)", "seeds=range(3)"))
        run(runner, packs, session)

    monkeypatch.setattr(InProcess, "run", edit_and_run)
    code, out, err = cli("run", path, "--in-process", "--yes", "--steps", 4, "--strategies", "dwa")
    assert code == 0, out + err
    assert (
        f"{path} was edited during the run. These results are for the file as it was; run the same command again" in out
    )
    _, out, _ = cli("plan", path, "--steps", 4, "--strategies", "dwa")
    assert "1 to run, 2 done" in out
