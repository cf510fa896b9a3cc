"""Launch scripts are finished files: those in sweeps/cluster are what their own command prints, and each keeps its schema."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import ray
import yaml
from places import ROOT

from mtlray.cli import main
from mtlray.launch_scripts import SCRIPTS, Cluster, Launch

FOLDER = ROOT / "sweeps" / "cluster"
SHIPPED = sorted(FOLDER.iterdir())
IMAGE = ("--image", "registry.example.com/mtlray:0.2.0")
STORE = ("--results", "s3://bucket/results")


@pytest.fixture
def printed(capsys, monkeypatch, unchecked):
    """What a `mtlray` command line prints, called at the top of the repository; or the error paragraph."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("MTLRAY_RESULTS", raising=False)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mtlray", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return err if ended.value.code else out

    return call


def made_by(path):
    (line,) = (line for line in path.read_text().splitlines() if line.startswith("# Made by: mtlray "))
    return shlex.split(line.removeprefix("# Made by: mtlray "))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_a_shipped_file_is_what_its_own_command_prints(path, printed):
    text = printed(*made_by(path))
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("path", [p for p in SHIPPED if p.suffix == ".sh"], ids=lambda p: p.name)
def test_shell_scripts_parse(path):
    subprocess.run(["bash", "-n", path], check=True)


# -- KubeRay

# The part of the RayJob definition (ray.io/v1, KubeRay 1.5) that is used; unknown keys are refused, which Kubernetes would
# drop without a word. MTLRAY_TEST_CRD may name the file ray.io_rayjobs.yaml of a KubeRay release, and then that is used whole.
POD_TEMPLATE = {
    "type": "object",
    "required": ["spec"],
    "additionalProperties": False,
    "properties": {
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "required": ["containers"],
            "additionalProperties": False,
            "properties": {
                "terminationGracePeriodSeconds": {"type": "integer"},
                "nodeSelector": {"type": "object", "additionalProperties": {"type": "string"}},
                "tolerations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {key: {"type": "string"} for key in ("key", "operator", "value", "effect")},
                    },
                },
                "containers": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "image": {"type": "string"},
                            "resources": {
                                "type": "object",
                                "additionalProperties": False,
                                "properties": {
                                    kind: {"type": "object", "additionalProperties": {"type": ["string", "integer"]}}
                                    for kind in ("requests", "limits")
                                },
                            },
                            "envFrom": {"type": "array"},
                            "volumeMounts": {
                                "type": "array",
                                "items": {"type": "object", "required": ["name", "mountPath"]},
                            },
                        },
                    },
                },
                "volumes": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            },
        },
    },
}
START_PARAMETERS = {"type": "object", "additionalProperties": {"type": "string"}}
RAY_JOB = {
    "type": "object",
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "entrypoint": {"type": "string"},
                "runtimeEnvYAML": {"type": "string"},
                "submissionMode": {"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
                "backoffLimit": {"type": "integer", "minimum": 0},
                "shutdownAfterJobFinishes": {"type": "boolean"},
                "ttlSecondsAfterFinished": {"type": "integer"},
                "activeDeadlineSeconds": {"type": "integer", "minimum": 1},
                "rayClusterSpec": {
                    "type": "object",
                    "required": ["headGroupSpec"],
                    "additionalProperties": False,
                    "properties": {
                        "rayVersion": {"type": "string"},
                        "authOptions": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"mode": {"enum": ["disabled", "token"]}},
                        },
                        "enableInTreeAutoscaling": {"type": "boolean"},
                        "headGroupSpec": {
                            "type": "object",
                            "required": ["template"],
                            "additionalProperties": False,
                            "properties": {"rayStartParams": START_PARAMETERS, "template": POD_TEMPLATE},
                        },
                        "workerGroupSpecs": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["groupName", "maxReplicas", "minReplicas", "template"],
                                "additionalProperties": False,
                                "properties": {
                                    "groupName": {"type": "string"},
                                    "replicas": {"type": "integer"},
                                    "minReplicas": {"type": "integer"},
                                    "maxReplicas": {"type": "integer"},
                                    "rayStartParams": START_PARAMETERS,
                                    "template": POD_TEMPLATE,
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def refuse_unknown(schema):
    """Objects of the definition whose keys are listed take no others."""
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in list(schema.values()):
            refuse_unknown(value)
    elif isinstance(schema, list):
        for value in schema:
            refuse_unknown(value)


def ray_job_schema():
    if "MTLRAY_TEST_CRD" not in os.environ:
        return RAY_JOB
    definition = yaml.safe_load(Path(os.environ["MTLRAY_TEST_CRD"]).read_text())
    (version,) = (v for v in definition["spec"]["versions"] if v["name"] == "v1")
    schema = version["schema"]["openAPIV3Schema"]
    refuse_unknown(schema)
    return {**schema, "properties": {**schema["properties"], "metadata": {"type": "object"}}}


@pytest.mark.parametrize(
    "options", [(), ("--spot", "gke"), ("--spot", "aks", "--gpus", 2), ("--spot", "eks"), ("--spot", "karpenter")]
)
def test_the_manifest_keeps_the_definition_of_ray_jobs(options, printed):
    text = printed("launch-script", "kuberay", "sweeps/quickstart.py", *IMAGE, *STORE, *options, "--", "--seeds", "0:3")
    config_map, job = yaml.safe_load_all(text)
    jsonschema.Draft7Validator(ray_job_schema()).validate(job)
    assert config_map["data"].keys() == {"quickstart.py", "run.sh"}
    assert config_map["data"]["quickstart.py"] == (ROOT / "sweeps" / "quickstart.py").read_text()
    spec = job["spec"]
    assert spec["backoffLimit"] > 0
    assert spec["entrypoint"] == "bash /etc/mtlray/sweep/run.sh"
    assert config_map["data"]["run.sh"].splitlines()[0].endswith(" --seeds 0:3")
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert spec["rayClusterSpec"]["rayVersion"] == ray.__version__
    assert spec["rayClusterSpec"]["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    head = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    (workers,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    assert "nodeSelector" not in head
    assert ("nodeSelector" in workers["template"]["spec"]) == ("--spot" in options)
    gpus = workers["template"]["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu")
    assert gpus == ("2" if "--gpus" in options else None)


@pytest.mark.parametrize(("code", "becomes"), [(0, 0), (1, 0), (2, 2), (3, 3), (75, 75), (137, 137)])
def test_failed_trials_make_no_new_clusters(code, becomes, printed, tmp_path):
    """KubeRay makes one for each job that ends with another code than 0."""
    config_map, _ = yaml.safe_load_all(printed("launch-script", "kuberay", "sweeps/quickstart.py", *IMAGE, *STORE))
    (tmp_path / "mtlray").write_text(f"#!/bin/bash\nexit {code}\n")
    (tmp_path / "mtlray").chmod(0o755)
    (tmp_path / "run.sh").write_text(config_map["data"]["run.sh"])
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ended = subprocess.run(["bash", tmp_path / "run.sh"], env=environment, capture_output=True, text=True)
    assert ended.returncode == becomes
    assert ("Trials failed" in ended.stdout) is (code == 1)


def test_the_definition_refuses_a_slip(printed):
    _, job = yaml.safe_load_all(printed("launch-script", "kuberay", "sweeps/quickstart.py", *IMAGE, *STORE))
    job["spec"]["backOffLimit"] = 3
    with pytest.raises(jsonschema.ValidationError, match="backOffLimit"):
        jsonschema.Draft7Validator(ray_job_schema()).validate(job)


def test_modules_beside_the_sweep_file_travel_with_it(tmp_path, printed):
    text = (ROOT / "sweeps" / "quickstart.py").read_text()
    (tmp_path / "mine.py").write_text("import beside_it\n" + text)
    (tmp_path / "beside_it.py").write_text("X = 1\n")
    (tmp_path / "other.py").write_text("Y = 2\n")
    config_map, _ = yaml.safe_load_all(printed("launch-script", "kuberay", tmp_path / "mine.py", *IMAGE, *STORE))
    assert sorted(config_map["data"]) == ["beside_it.py", "mine.py", "run.sh"]


# -- ray up


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Ray's own imports
@pytest.mark.parametrize(
    "options",
    [
        ("--provider", "aws", "--spot", "cloud", "--nodes", 4),
        ("--provider", "aws", "--gpus", 4, "--cpus", 48),
        ("--provider", "gcp", "--nodes", 2),
        ("--provider", "gcp", "--gpus", 1, "--cpus", 4),
        ("--provider", "local", "--hosts", "10.0.0.1,10.0.0.2,10.0.0.3"),
    ],
)
def test_a_cluster_file_keeps_the_schema_of_ray(options, printed):
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(printed("launch-script", "ray-up", "sweeps/quickstart.py", *IMAGE, *STORE, *options))
    schema = json.loads((Path(ray.__file__).parent / "autoscaler" / "ray-schema.json").read_text())
    jsonschema.validate(config, schema)
    prepared = prepare_config(config)
    validate_config(prepared)
    types = prepared["available_node_types"]
    for command in (config["head_start_ray_commands"][1], config["worker_start_ray_commands"][1]):
        assert command.startswith("export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=/home/ray/.ray/auth_token; ray start")
    assert config["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"
    if "local" in options:
        assert prepared["provider"]["worker_ips"] == ["10.0.0.2", "10.0.0.3"]
        assert [t["min_workers"] for t in types.values()] == [2]
    else:
        assert types["head"]["resources"]["CPU"] == 0
        assert types["worker"]["resources"].get("GPU", 0) == (options[3] if "--gpus" in options else 0)


# -- bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("slrum", "sweeps/quickstart.py"), "no kind of launch script `slrum`. Did you mean `slurm`? Valid names"),
        (("slurm", "sweeps/nowhere.py"), "Found no file `sweeps/nowhere.py`. There are: "),
        (("slurm", "sweeps/quickstart.py", "--nodes", 0), "Parameter `nodes` should be at least 1. Found `nodes = 0`."),
        (("slurm", "sweeps/quickstart.py", "--array", 0), "Parameter `array` should be at least 1. Found `array = 0`."),
        (
            ("ray-job", "sweeps/quickstart.py", *STORE, "--array", 2),
            "Parameter `array` should be left out, except for slurm",
        ),
        (
            ("slurm", "sweeps/quickstart.py", "--array", 4, "--", "--shard", "1/2"),
            "Parameter `array` should be left out beside `--shard`",
        ),
        (("slurm", "sweeps/quickstart.py", "--hours", 0.1), "Parameter `hours` should be at least 0.25"),
        (("kuberay", "sweeps/quickstart.py", *IMAGE), "Pods share no disk, so results should go to an object store"),
        (("ray-job", "sweeps/quickstart.py"), "share no disk, so results should go to an object store"),
        (("kuberay", "sweeps/quickstart.py", *STORE), "Option --image should name a container image that has mtlray"),
        (("kuberay", "sweeps/quickstart.py", *STORE, *IMAGE, "--spot", "ekz"), "be one of gke, eks, karpenter, aks."),
        (("ray-up", "sweeps/quickstart.py", *STORE, *IMAGE, "--provider", "local"), "Parameter `hosts` should name"),
        (("ray-up", "sweeps/quickstart.py", *STORE, *IMAGE, "--provider", "azure"), "be one of aws, gcp, local."),
        (("ray-up", "sweeps/quickstart.py", *STORE, *IMAGE, "--cpus", 500), "No machine type in the list for aws has"),
        (("ray-up", "sweeps/quickstart.py", "--results", "s3://K:secret@b/f", *IMAGE), "should hold no credentials"),
        (("slurm", "sweeps/quickstart.py", "--", "--data-from", "s3://b/f?token=secret"), "should hold no credentials"),
        (("slurm", "sweeps/quickstart.py", "--setup", "a\rb"), "be one line, without control characters"),
        (("slurm", "sweeps/quickstart.py", "--results", "a\nrm -rf x"), "be one line, without control characters"),
        (
            ("ray-up", "sweeps/quickstart.py", *STORE, *IMAGE, "--", "--at\nrm -rf x"),
            "be one line, without control char",
        ),
        (
            ("ray-job", "sweeps/quickstart.py", *STORE, "--address", "h\x85rm"),
            "be one line, without control characters",
        ),
    ],
)
def test_bad_input_is_one_paragraph(arguments, message, printed):
    text = printed("launch-script", *arguments)
    assert text.startswith("Error: ")
    assert message in text
    assert len(text.strip().splitlines()) == 1
    assert "secret@" not in text
    assert "=secret" not in text


# -- what is typed stays within its comment

WORDS = ("mtlray", "launch-script", "a\nrm -rf x", "it's \\ \r\x85\u2028\x07", "two words", "plain", "é")


@pytest.mark.parametrize("kind", sorted(SCRIPTS))
def test_a_line_break_in_an_argument_does_not_leave_the_comment(kind):
    cluster = Cluster(
        image="image", provider="local" if kind == "ray-up" else "aws", hosts=("10.0.0.1",) * (kind == "ray-up")
    )
    sweep = ROOT / "sweeps" / "quickstart.py"
    launch = Launch(
        name="a", sweep=sweep, files=(sweep,), command=WORDS, results="s3://bucket/results", cluster=cluster
    )
    text = SCRIPTS[kind](launch)
    (line,) = (line for line in text.splitlines() if "rm -rf x" in line)
    assert line.startswith("# Made by: mtlray launch-script $'a")
    pasted = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {line.removeprefix('# Made by: ')}"],
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    assert pasted.stdout.decode().split("\0")[:-1] == list(WORDS)


def test_a_sweep_file_with_credentials_does_not_travel_in_a_manifest(tmp_path, printed):
    text = (ROOT / "sweeps" / "quickstart.py").read_text()
    (tmp_path / "mine.py").write_text('PLACE = "s3://KEY:secret@bucket"\n' + text)
    said = printed("launch-script", "kuberay", tmp_path / "mine.py", *IMAGE, *STORE)
    assert said.startswith("Error: A launch script holds the sweep file")
    assert "Found some in mine.py." in said
    assert "secret@" not in said
