"""Command lines with bad values: each is told in one paragraph, ends with 2, and leaves nothing behind."""

import itertools
import json
import shutil
import time

import pytest
from places import ROOT, SMALL

HUGE = "9" * 300
ENDLESS = "9" * 5000  # Python does not read so many digits
NOT_NUMBERS = ("", " ", "x", "0x", "1 2", "½", "²", "\0", "\udcff", "1;2", "None", ENDLESS)
NOT_COUNTS = (*NOT_NUMBERS, "nan", "inf", "-inf", "1e400", "-1", "0", "1.5", HUGE, str(2**63))
NOT_SECONDS = (*NOT_NUMBERS, "nan", "inf", "-inf", "1e400", "-1", HUGE, "1e10")
# A seed that the sweep does not have: nothing would run, even where a value were taken.
RUN = ("run", SMALL, "--in-process", "--yes", "--seeds", "77")
UP = ("launch-script", "ray-up", SMALL, "--results", "s3://bucket/folder", "--image", "image")
SLURM = ("launch-script", "slurm", SMALL)
TABLE = ("table", "RESULTS")

GROUPS = {
    "seeds": [
        ("plan", SMALL, "--seeds", value)
        for value in (
            *NOT_NUMBERS,
            "nan",
            "inf",
            "1.5",
            HUGE,
            str(2**63),
            "0:99999999999",
            f"0:{HUGE}",
            "3:0",
            "0:1:2",
            "0:x",
            ":",
            "-5:2",
            "0,,1",
            f"-{HUGE}:{HUGE}",
            "7",
        )
    ],
    "fractions": [
        ("plan", SMALL, "--fractions", value)
        for value in (
            *NOT_NUMBERS,
            "nan",
            "inf",
            "-1",
            "0",
            "1e400",
            HUGE,
            "25%",
            "0.2500001",
            "0.25,0.24999999999",
            "0.25,",
        )
    ],
    "learning rates": [
        ("plan", SMALL, "--learning-rates", value)
        for value in (*NOT_NUMBERS, "nan", "inf", "-0.02", "1e400", HUGE, "0.0200001", "0.02,0.020000000001")
    ],
    "strategies": [
        ("plan", SMALL, "--strategies", value)
        for value in ("", " ", "x", "dwa,", "dwa(", HUGE, "\0", "\udcff", "../dwa")
    ],
    "steps": [("plan", SMALL, "--steps", value) for value in NOT_COUNTS],
    "workers of a plan": [("plan", SMALL, "--workers", value) for value in NOT_COUNTS],
    "counts of a run": [
        (*RUN, option, value) for option in ("--workers", "--max-failed") for value in NOT_COUNTS if value != str(2**63)
    ],
    "packs": [(*RUN, "--pack-size", value) for value in ("", "nan", "0", "-1", "1.5", "autos", ENDLESS)],
    "shards": [
        (*RUN, "--shard", value) for value in ("", "x", "5/4", "0/4", "1", "1/0", "-1/2", "\0", f"1/{HUGE}", ENDLESS)
    ],
    "shares": [
        (*RUN, "--gpus-per-trial", value) for value in ("", "nan", "inf", "0", "-1", "1.5", "1e300", HUGE, "autos")
    ],
    "seconds": [
        (*RUN, option, value)
        for option in ("--checkpoint-seconds", "--wait-seconds", "--hang-seconds", "--grace-seconds")
        for value in NOT_SECONDS
    ],
    "words of a run": [
        (*RUN, option, value) for option in ("--device", "--kernel") for value in ("", "gpu", HUGE, "\0")
    ],
    "places": [
        ("status", SMALL, "--results", value)
        for value in ("", " ", "\0", "a\0b", "s3:/x", "file:x", "s3://", "x://y/z", HUGE)
    ]
    + [
        (*RUN, option, value)
        for option in ("--data", "--tensorboard", "--data-from")
        for value in ("", " ", "\0", "s3:/x")
    ],
    "sweep files": [
        (command, value)
        for command in ("plan", "run", "retry")
        for value in ("", " ", "x.py", "\0", HUGE, "a\0.py", "..")
    ],
    "machines": [
        (*SLURM, option, value)
        for option in ("--nodes", "--cpus", "--gpus", "--memory-gb")
        for value in NOT_COUNTS
        if (option, value) != ("--gpus", "0")
    ],
    "hours": [(*SLURM, "--hours", value) for value in (*NOT_SECONDS, "0", "0.1", "8761")],
    "words of a script": [
        (*UP, option, value)
        for option in ("--spot", "--provider", "--hosts")
        for value in ("x", "\n", "\0", "\udcff", HUGE)
    ]
    + [
        (*SLURM, option, value)
        for option in ("--partition", "--account", "--setup", "--data", "--address")
        for value in ("a\nb", "\0", "\x1b[2J")
    ],
    "examples": [("embed", SMALL, "--seeds", "0:1", "--examples", value) for value in NOT_COUNTS],
    "steps of an embedding": [
        ("embed", SMALL, "--seeds", "0:1", "--at", value)
        for value in ("", "x", "²", "-1", "1.5", "first,", HUGE, ENDLESS, "251")
    ],
    "tables": [
        (*TABLE, option, value)
        for option in ("--kind", "--select", "--format", "--metrics", "--rates", "--against", "--baseline")
        for value in ("", "x", "\0", HUGE)
        if (option, value) not in {("--metrics", "")}
    ],
    "files": [(*TABLE, "--out", value) for value in ("", "\0", HUGE, "no/such/folder")]
    + [("data", "show", "mnist5k", "--out", value) for value in ("", "x", "\0", "a.gif")],
    "figures": [
        ("figures", "RESULTS", option, value)
        for option in ("--kind", "--formats", "--select")
        for value in ("", "x", "\0", HUGE)
    ],
    "pictures": [
        ("data", "show", "mnist5k", "--out", "a.png", "--examples", value)
        for value in ("", "0", "-1", "nan", "x", ENDLESS)
    ],
    "names": [
        (*command, value)
        for command in (
            ("data", "prepare"),
            ("data", "verify"),
            ("new",),
            ("new", "a", "--from"),
            ("table",),
            ("report",),
            ("figures",),
        )
        for value in ("", " ", "../x", "\0", HUGE, "a b/c")
    ],
    "kinds": [(command, value, SMALL) for command in ("export", "launch-script") for value in ("", "x", "\0", HUGE)],
}


@pytest.fixture
def results(tmp_path):
    """A results folder of an earlier version, for commands that read one."""
    shutil.copytree(ROOT / "tests" / "assets" / "results_version_5" / "version_5", tmp_path / "RESULTS")


def test_there_are_enough():
    lines = list(itertools.chain(*GROUPS.values()))
    assert len(lines) == len(set(lines)) > 400


@pytest.mark.parametrize("group", GROUPS)
def test_a_bad_value_is_one_paragraph(cli, tmp_path, results, group):
    before = sorted(tmp_path.rglob("*"))
    for arguments in GROUPS[group]:
        code, out, err = cli(*arguments)
        assert code == 2, (arguments, out, err)
        assert "Traceback" not in err, arguments
        if err.startswith("Error: "):
            assert len(err.splitlines()) == 1, (arguments, err)
            assert len(err) < 2500, arguments  # what was typed is not said in full
        else:  # typer's own, which say how a command is used
            assert err.startswith("Usage: "), (arguments, err)
            assert "Error" in err, arguments
    assert sorted(tmp_path.rglob("*")) == before


SWEEP = """
from mtlray import SGD, Equal, LeNet, MultiMNIST, SweepSpec, TrialSpec

{before}
BASE = TrialSpec(
    dataset=MultiMNIST(source="mnist5k", val_digits=500), model=LeNet(), strategy=Equal(), optimizer=SGD(lr={rate}),
    steps={steps},
)
SWEEP = SweepSpec(
    name={name}, question="?", base=BASE, strategies=(Equal(),), fractions={fractions}, seeds={seeds}, rules={rules}
)
"""
FIELDS = {
    "before": [
        "raise BaseException('gone')",
        "class Odd(BaseException): pass\nraise Odd",
        "raise GeneratorExit",
        "raise MemoryError",
        "def f(): f()\nf()",
        "x = '\0'",
        "1 / 0",
        "open('a\\0b')",
        "assert False",
        "raise Exception('\\n\\n')",
    ],
    "rate": ["float('nan')", "float('inf')", "0", "-1", "10**400", "'0.1'", "None", "True"],
    "steps": ["0", "-1", "2**63", "10**400", "10**5000", "1.5", "float('nan')", "'7'", "None"],
    "name": ["''", "'..'", "'a/b'", "'a\\0b'", "'a\\nb'", "None", "3"],
    "fractions": ["float('nan')", "float('inf')", "0", "-0.5", "1.5", "()", "('x',)", "(10**400,)", "iter(int, 1)"],
    "seeds": [
        "2**63",
        "-1",
        "1.5",
        "range(10**11)",
        "range(10**400)",
        "__import__('itertools').count()",
        "(10**5000,)",
        "()",
        "(0, 0)",
        "range(100_000 + 1)",
        "(float('inf'),)",
    ],
    "rules": [
        "(lambda t: 1 / 0,)",
        "(lambda t: (_ for _ in ()).throw(GeneratorExit),)",
        "(3,)",
        "(lambda t: None,)",
        "(lambda t: 3,)",
    ],
}
GOOD = {
    "before": "",
    "rate": "0.1",
    "steps": "4",
    "name": "'small'",
    "fractions": "(1.0,)",
    "seeds": "range(2)",
    "rules": "()",
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_bad_value_in_a_sweep_file_is_one_paragraph(cli, tmp_path, field):
    for i, value in enumerate(FIELDS[field]):
        path = tmp_path / f"{field}_{i}.py"
        path.write_text(SWEEP.format(**GOOD | {field: value}))
        began = time.process_time()
        code, out, err = cli("plan", path)
        assert code == 2, (value, out, err)
        assert err.startswith("Error: "), value
        assert "Traceback" not in err, value
        assert len(err) < 2500, value
        assert time.process_time() - began < 10, value


def test_values_that_differ_are_not_shown_or_picked_under_one_name(cli, tmp_path):
    path = tmp_path / "close.py"
    values = GOOD | {"fractions": "(0.333333, 0.3333334)", "seeds": "(0, 2**63 - 1)"}
    text = SWEEP.format(**values)
    path.write_text(text.replace("SweepSpec(\n", "SweepSpec(optimizers=(SGD(lr=0.01), SGD(lr=0.01000001)),\n"))
    code, out, _ = cli("plan", path)
    assert code == 0
    assert "fractions   33.3333 %, 33.33334 %; 2 seeds" in out
    assert "sgd lr 0.01; sgd lr 0.01000001" in out
    for option, value in (("--fractions", "0.3333334"), ("--learning-rates", "0.01000001"), ("--seeds", 2**63 - 1)):
        code, out, err = cli("status", path, option, value, "--json")
        assert code == 0, err
        assert len(json.loads(out)["trials"]) == 4
    for option, value in (("--fractions", "0.33333"), ("--fractions", "0.3333333"), ("--learning-rates", "0.0100000")):
        code, out, err = cli("plan", path, option, value)
        assert code == (0 if float(value) == 0.01 else 2), err
    code, out, _ = cli("status", path)
    assert [line.split("  ")[1] for line in out.splitlines() if line.startswith("  33.")] == ["33.3333 %", "33.33334 %"]
    assert "sgd lr 0.01000001" in out
