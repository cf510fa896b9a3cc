"""Options from dataclasses: what typer reads, what the command gets, and what is refused."""

import dataclasses
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import typer
from typer.testing import CliRunner

from mtlray.cli.app import app
from mtlray.cli.arguments import Narrowing
from mtlray.cli.options import only, with_options
from mtlray.errors import SpecError
from mtlray.launch_scripts import Cluster
from mtlray.running.policy import Policy
from mtlray.specs import RunConfig


@dataclass(frozen=True, kw_only=True)
class Oven:
    """Something with an option of each kind."""

    degrees: int = field(default=180, metadata={"help": "How hot.", "env": "OVEN_DEGREES"})
    share: float | Literal["auto"] = field(default=1.0, metadata={"help": "How full."})
    racks: tuple[str, ...] = field(default=(), metadata={"help": "Which racks."})
    mode: Literal["fan", "grill"] = field(default="fan", metadata={"help": "How."})
    tray: str | None = field(default=None, metadata={"help": "Where.", "place": "folder", "shown": "none"})
    light: bool = field(default=False, metadata={"help": "With light."})
    secret: int = 7

    def __post_init__(self) -> None:
        if self.degrees > 300:
            raise SpecError("Too hot.")


def baking(annotation: Any) -> tuple[typer.Typer, list]:
    """An application whose one command takes an oven; and the list of what it was called with."""
    made = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    called = []

    @made.command()
    @with_options
    def bake(cake: str, *, oven: annotation, minutes: int = 30) -> None:
        """Bake a cake."""
        called.append((cake, oven, minutes))

    return made, called


def invoke(made, *arguments, **environment):
    return CliRunner().invoke(made, arguments, env={"COLUMNS": "200", **environment})


def test_the_defaults_are_those_of_the_dataclass():
    made, called = baking(Oven)
    assert invoke(made, "apple").exit_code == 0
    assert called == [("apple", Oven(), 30)]


def test_each_kind_of_value_reaches_its_field(tmp_path):
    made, called = baking(Oven)
    typed = ("--degrees", "200", "--share", "0.5", "--racks", "upper,lower", "--mode", "grill", "--tray", str(tmp_path))
    done = invoke(made, "plum", *typed, "--light", "--minutes", "5")
    assert done.exit_code == 0, done.output
    oven = Oven(degrees=200, share=0.5, racks=("upper", "lower"), mode="grill", tray=str(tmp_path), light=True)
    assert called == [("plum", oven, 5)]


def test_a_number_or_auto():
    made, called = baking(Oven)
    assert invoke(made, "plum", "--share", "auto").exit_code == 0
    assert called[0][1].share == "auto"
    assert str(invoke(made, "plum", "--share", "half").exception) == (
        "Option --share should be a number or auto. Found `half`."
    )


def test_an_environment_variable():
    made, called = baking(Oven)
    assert invoke(made, "plum", OVEN_DEGREES="120").exit_code == 0
    assert invoke(made, "plum", "--degrees", "90", OVEN_DEGREES="120").exit_code == 0
    assert [oven.degrees for _, oven, _ in called] == [120, 90]


def test_a_folder_is_absolute_and_no_uri(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made, called = baking(Oven)
    assert invoke(made, "plum", "--tray", "here").exit_code == 0
    assert called[0][1].tray == str(tmp_path / "here")
    assert "should name a folder. Found the URI `s3://tray`. Name a folder on this machine." in str(
        invoke(made, "plum", "--tray", "s3://tray").exception
    )


def test_the_dataclass_refuses_for_itself():
    made, called = baking(Oven)
    assert str(invoke(made, "plum", "--degrees", "400").exception) == "Too hot."
    assert called == []


def test_the_help_names_type_default_and_variable_and_no_other_field():
    text = " ".join(invoke(baking(Oven)[0], "--help").output.split())
    assert re.search(r"--degrees <?(int|INTEGER)>? How hot\. \[env var: OVEN_DEGREES; default: 180\]", text)
    assert "--share <float|auto> How full. [default: 1]" in text
    assert "Where. [default: (none)]" in text
    assert "secret" not in text
    assert "--no-light" not in text


def test_a_command_may_take_a_few_of_the_options():
    made, called = baking(Annotated[Oven, only("mode")])
    assert invoke(made, "plum", "--mode", "grill").exit_code == 0
    assert called == [("plum", Oven(mode="grill"), 30)]
    assert invoke(made, "plum", "--degrees", "200").exit_code == 2


def test_what_cannot_be_an_option_is_refused_when_the_command_is_made():
    @dataclass(frozen=True)
    class Strange:
        pairs: dict[str, int] = field(default_factory=dict, metadata={"help": "Pairs."})

    @dataclass(frozen=True)
    class Misspelt:
        pairs: int = field(default=1, metadata={"help": "Pairs.", "enviroment": "PAIRS"})

    with pytest.raises(TypeError, match="of a type that an option can have"):
        baking(Strange)
    with pytest.raises(TypeError, match="enviroment"):
        baking(Misspelt)
    with pytest.raises(TypeError, match="none of that name"):
        baking(Annotated[Oven, only("door")])

    def twice(one: Oven, two: Oven) -> None:
        pass

    with pytest.raises(ValueError, match="duplicate parameter name"):
        with_options(twice)


def options_of(name):
    """The options of one of mtlray's commands, by their first name."""
    command = typer.main.get_command(app).commands[name]
    return {parameter.opts[0]: parameter for parameter in command.params if parameter.param_type_name == "option"}


@pytest.mark.parametrize(
    ("name", "classes"),
    [("run", (RunConfig, Policy, Narrowing)), ("launch-script", (Cluster,)), ("status", (Narrowing,))],
)
def test_a_command_has_every_option_of_its_dataclasses(name, classes):
    fields = [f for cls in classes for f in dataclasses.fields(cls) if "help" in f.metadata]
    assert {f"--{f.name.replace('_', '-')}" for f in fields} <= options_of(name).keys()


def test_the_options_of_run_stay_as_they_are():
    """Scripts of users hold them."""
    found = {name: (option.default, option.envvar) for name, option in options_of("run").items()}
    assert found == {
        "--results": ("results", "MTLRAY_RESULTS"),
        "--data": (str(Path("~/.cache/mtlray").expanduser()), "MTLRAY_DATA"),
        "--data-from": (None, "MTLRAY_DATA_FROM"),
        "--keep": (None, None),
        "--seeds": (None, None),
        "--strategies": (None, None),
        "--fractions": (None, None),
        "--learning-rates": (None, None),
        "--steps": (None, None),
        "--where": (None, None),
        "--workers": (None, None),
        "--device": ("auto", None),
        "--kernel": ("auto", None),
        "--pack-size": ("1", None),
        "--gpus-per-trial": ("1", None),
        "--activation-checkpointing": (False, None),
        "--address": (None, None),
        "--wait-seconds": (0.0, None),
        "--in-process": (False, None),
        "--checkpoint-seconds": (30.0, None),
        "--hang-seconds": (3600.0, None),
        "--max-failed": (None, None),
        "--shard": ("1/1", None),
        "--grace-seconds": (20.0, None),
        "--tensorboard": (None, None),
        "--yes": (False, None),
    }


def test_python_dash_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "mtlray", "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split()[0]) == (0, "mtlray")
