"""What installed packages offer: a real distribution on sys.path is listed, run, identified, and refused where it is wrong."""

import importlib
import json
import subprocess
import sys

import pytest
from places import ROOT, SMALL

from mtlray.errors import SpecError
from mtlray.identity import plugins, provenance
from mtlray.identity.codec import class_name
from mtlray.specs import SGD, TrialSpec
from mtlray.strategies.installed import OFFERED

CODE = '''"""A strategy in a package of its own."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray import AbstractWeighting


@dataclass(frozen=True)
class Focal(AbstractWeighting):
    """Each loss to a power."""

    gamma: float = 2.0

    key: ClassVar[str] = "focal"
    source: ClassVar[str] = "A. Nother 2026"

    def combine(self, losses, state):
        weights = self.gamma * losses.detach() ** (self.gamma - 1)
        return (losses**self.gamma).sum(dim=1), weights, state


NUMBER = 3
'''


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a distribution as pip lays it out: `package(name, version, module, code, entries)`."""
    monkeypatch.syspath_prepend(tmp_path / "site")

    def install(name, version, module, code, entries, group="mtlray.strategies"):
        site = tmp_path / "site"
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (site / f"{module}.py").write_text(code)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{key} = {value}" for key, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]) + "\n")
        forget(module)

    def forget(module):
        sys.modules.pop(module, None)
        importlib.invalidate_caches()
        plugins.package_of.cache_clear()
        provenance.versions.cache_clear()

    yield install
    for module in ("focal_package", "other_package"):
        forget(module)


@pytest.fixture
def focal(package):
    package("focal", "1.2", "focal_package", CODE, {"focal": "focal_package:Focal"})


@pytest.mark.usefixtures("focal")
def test_it_is_listed_with_its_package(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    code, out, _ = cli("strategies")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("  focal ")]
    assert line.split() == ["focal", "Focal", "1", "—", "faithful", "A.", "Nother", "2026", "[focal==1.2]"]
    assert "3 wrappers that go around them, 1 from the packages in brackets." in out
    listed = json.loads(cli("strategies", "--json")[1])
    assert [entry["package"] for entry in listed if entry["key"] == "focal"] == ["focal==1.2"]


@pytest.mark.usefixtures("focal")
def test_it_joins_a_sweep_on_the_command_line_and_runs(cli, tmp_path):
    narrow = (SMALL, "--strategies", "dwa,focal", "--seeds", "0:1", "--steps", "4", "--results", tmp_path / "results")
    code, out, _ = cli("plan", *narrow)
    assert code == 0
    assert "strategies  dwa, focal" in out
    code, out, _ = cli("run", *narrow, "--in-process", "--yes")
    assert code == 0, out
    assert "\nfocal " in out
    assert "\nfocal " in cli("table", *narrow)[1]


@pytest.mark.usefixtures("focal")
def test_it_is_an_object_in_a_sweep_file_and_its_version_is_part_of_its_trials(cli, package, tmp_path):
    import focal_package

    from mtlray.data import MultiMNIST
    from mtlray.models import LeNet

    fields = {"dataset": MultiMNIST(), "model": LeNet(), "optimizer": SGD(lr=0.1), "steps": 5}
    trial = TrialSpec(strategy=focal_package.Focal(gamma=1.5), **fields)
    assert json.loads(trial.canonical)["strategy"] == {"type": "focal_package:Focal@focal==1.2", "gamma": 1.5}
    assert json.loads(provenance.versions())["focal"] == "1.2"
    text = SMALL.read_text().replace("DWA()", "Focal(gamma=1.5)", 1)
    (tmp_path / "mine.py").write_text(f"from focal_package import Focal\n{text}")
    code, out, err = cli("plan", tmp_path / "mine.py")
    assert code == 0, err
    assert "focal(gamma=1.5)" in out
    # The next release is another trial, whatever it changed.
    for path in (tmp_path / "site" / "focal-1.2.dist-info").iterdir():
        path.unlink()
    (tmp_path / "site" / "focal-1.2.dist-info").rmdir()
    package("focal", "1.3", "focal_package", CODE, {"focal": "focal_package:Focal"})
    again = TrialSpec(strategy=importlib.import_module("focal_package").Focal(gamma=1.5), **fields)
    assert again.canonical == trial.canonical.replace("focal==1.2", "focal==1.3")
    assert again.trial_id != trial.trial_id


TWIN = {"focal": "other_package:Focal"}
WRONG = {
    "key of ours": ({"equal": "other_package:Focal"}, CODE, "Found `equal` in other==0.1 and in mtlray itself."),
    "key of another package": (TWIN, CODE, "Found `focal` in other==0.1 and in focal==1.2."),
    "no such name": ({"fo": "other_package:Foccal"}, CODE, "of other==0.1 failed: AttributeError:"),
    "broken module": (
        {"fo": "other_package:Focal"},
        "1 / 0",
        "of other==0.1 failed: ZeroDivisionError: division by zero.",
    ),
    "wrong type": (
        {"fo": "other_package:NUMBER"},
        CODE,
        "Found `3` behind the entry point `fo = other_package:NUMBER`",
    ),
    "abstract": ({"fo": "other_package:AbstractWeighting"}, CODE, "and implements its methods. Found `<class"),
    "other key": ({"fo": "other_package:Focal"}, CODE, "Found the key `focal` behind the entry point `fo ="),
}


@pytest.mark.usefixtures("focal")
@pytest.mark.parametrize("case", WRONG)
def test_a_package_that_is_wrong_is_named(cli, package, case):
    entries, code, message = WRONG[case]
    package("other", "0.1", "other_package", code, entries)
    with pytest.raises(SpecError) as caught:
        OFFERED.classes()
    assert message in str(caught.value)
    assert "other==0.1" in str(caught.value)
    assert str(caught.value).endswith(("Fix or uninstall that package.", "or uninstall one of the packages."))
    exit_code, out, err = cli("strategies")
    assert exit_code == 2
    assert "gradnorm" in out, "the strategies that work are still listed"
    assert message in err
    assert cli("plan", SMALL)[0] == 0, "nobody asked for it"


def test_without_defaults_it_belongs_into_a_sweep_file(package):
    code = CODE.replace("gamma: float = 2.0", "gamma: float")
    package("focal", "1.2", "focal_package", code, {"focal": "focal_package:Focal"})
    with pytest.raises(SpecError, match=r"The strategy `focal` of focal==1.2 needs settings: .*'gamma'"):
        OFFERED.with_defaults("focal")


def test_a_module_of_no_such_package_is_named_as_before():
    assert plugins.package_of("numpy.linalg") is None
    assert OFFERED.with_defaults("focal") is None


PARTS = '''"""A model and a data set in a package of its own."""

from dataclasses import dataclass
from typing import ClassVar

from mtlray import ArrayDataset, MLP


@dataclass(frozen=True, kw_only=True)
class Deep(MLP):
    """Many layers.

    More of it."""

    key: ClassVar[str] = "deep"


@dataclass(frozen=True, kw_only=True)
class Rows(ArrayDataset):
    """A table."""

    key: ClassVar[str] = "rows"
'''


@pytest.mark.parametrize(("kind", "name", "ours"), [("models", "Deep", "lenet"), ("datasets", "Rows", "multi_mnist")])
def test_models_and_data_sets_are_offered_alike(kind, name, ours, cli, package):
    key, group = name.lower(), f"mtlray.{kind}"
    package("parts", "0.3", "other_package", PARTS, {key: f"other_package:{name}"}, group)
    code, out, _ = cli(kind)
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith(f"{key} ")]
    assert line.split()[:2] == [key, name]
    assert line.endswith(("Many layers. [parts==0.3]", "A table. [parts==0.3]"))
    assert {ours, key} <= {entry["key"] for entry in json.loads(cli(kind, "--json")[1])}
    cls = getattr(importlib.import_module("other_package"), name)
    assert class_name(cls) == f"other_package:{name}@parts==0.3"
    assert json.loads(provenance.versions())["parts"] == "0.3"


@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_a_model_or_data_set_that_is_wrong_is_named(kind, cli, package):
    package("focal", "1.2", "focal_package", CODE, {"focal": "focal_package:Focal"}, f"mtlray.{kind}")
    code, out, err = cli(kind)
    assert code == 2
    assert out, "those that work are still listed"
    assert "should be a class that derives from" in err
    assert "in the group `mtlray." in err


@pytest.mark.slow
@pytest.mark.usefixtures("focal")
def test_its_authors_can_run_the_conformance_suite(tmp_path):
    (tmp_path / "test_focal.py").write_text(
        "from focal_package import Focal\nfrom mtlray.testing import StrategyConformance\n\n\n"
        "class TestFocal(StrategyConformance):\n    strategies = (Focal(), Focal(gamma=1.5))\n"
    )
    path = f"{tmp_path / 'site'}:{ROOT}"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_focal.py"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "23 passed" in done.stdout
