"""KubeRay: a ConfigMap with the sweep file and a RayJob that runs it, on a head without trials and workers that may be lost.

A lost worker's trials continue from their checkpoints on another. A lost head ends the job; KubeRay then makes a new cluster and
runs the same command, which continues with what is left (`backoffLimit`). It does so after every code but 0. So the ConfigMap
also has the script that the job runs: failed trials, which a new cluster would not train either, end it with 0.
"""

import shlex
from typing import Any

from mtlray.checks import require
from mtlray.errors import LaunchError
from mtlray.launch_scripts.launch import Launch
from mtlray.launch_scripts.yaml_text import as_yaml
from mtlray.words.masking import holds_credentials

# Ray and mtlray get this long after SIGTERM; KubeRay passes it to the pods.
_GRACE_SECONDS = 60
_RETRIES = 10
_SWEEP_FOLDER = "/etc/mtlray/sweep"
_DATA_FOLDER = "/data"
_SECRET = "mtlray-store"
_SCRIPT = "run.sh"
_WAIT_SECONDS = 900  # for the first worker, which the platform may have to make
_LARGEST_CONFIG_MAP = 1_000_000

# How each platform marks nodes that it may take away, and the taint that keeps other pods off them.
_SPOT: dict[str, tuple[dict[str, str], list[dict[str, str]]]] = {
    "gke": (
        {"cloud.google.com/gke-spot": "true"},
        [{"key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}],
    ),
    "eks": ({"eks.amazonaws.com/capacityType": "SPOT"}, []),
    "karpenter": ({"karpenter.sh/capacity-type": "spot"}, []),
    "aks": (
        {"kubernetes.azure.com/scalesetpriority": "spot"},
        [
            {
                "key": "kubernetes.azure.com/scalesetpriority",
                "operator": "Equal",
                "value": "spot",
                "effect": "NoSchedule",
            }
        ],
    ),
}


def kuberay(launch: Launch) -> str:
    """The manifest: two YAML documents for `kubectl apply -f -`. Raises LaunchError."""
    launch.shared_results("Pods")
    spot = launch.cluster.spot
    require(spot is None or spot in _SPOT, "spot", f"be one of {', '.join(_SPOT)}", spot)
    documents = [as_yaml(part) for part in (_config_map(launch), _ray_job(launch))]
    return (
        f"# Made by: {launch.made_by}\n"
        "# Start:   kubectl apply -f THIS_FILE    (to start again: kubectl delete -f THIS_FILE first; results stay)\n"
        f"# Watch:   kubectl logs -f job/mtlray-{launch.slug}\n"
        f"# The secret `{_SECRET}`, if there is one, becomes the pods' environment: AWS_ACCESS_KEY_ID and the like.\n"
        + "---\n".join(documents)
    )


def _config_map(launch: Launch) -> dict[str, Any]:
    data = {path.name: path.read_text(encoding="utf-8") for path in launch.files} | {_SCRIPT: _script(launch)}
    for name, text in data.items():
        if holds_credentials(text):
            raise LaunchError(
                f"A launch script holds the sweep file and its modules, and should hold no credentials. Found some in {name}. "
                f"Put them into the secret `{_SECRET}`, which becomes the pods' environment."
            )
    size = sum(map(len, data.values()))
    if size > _LARGEST_CONFIG_MAP:
        raise LaunchError(
            f"A sweep file and the modules that it imports should be at most {_LARGEST_CONFIG_MAP:,} bytes together, because "
            f"they travel in a ConfigMap. Found {size:,}. Put the modules into the image, as a package."
        )
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": f"mtlray-{launch.slug}"},
        "data": data,
    }


def _script(launch: Launch) -> str:
    """What the job runs. A file, because a command with `$?` does not reach the head as it is written."""
    command = launch.run(
        sweep=f"{_SWEEP_FOLDER}/{launch.sweep.name}",
        data=shlex.quote(launch.cluster.data or _DATA_FOLDER),
        options=[
            "--address",
            "auto",
            "--wait-seconds",
            str(_WAIT_SECONDS),
            "--grace-seconds",
            str(_GRACE_SECONDS - 15),
        ],
    )
    return f"""{command}
code=$?
if [ "$code" -eq 1 ]; then
  echo "Trials failed. The job ends with code 0, or KubeRay would make new clusters for it; mtlray retry lets them run again."
  exit 0
fi
exit "$code"
"""


def _ray_job(launch: Launch) -> dict[str, Any]:
    require(launch.cluster.hosts == (), "hosts", "be left out with kuberay", launch.cluster.hosts)
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": f"mtlray-{launch.slug}"},
        "spec": {
            "entrypoint": f"bash {_SWEEP_FOLDER}/{_SCRIPT}",
            "submissionMode": "K8sJobMode",
            "backoffLimit": _RETRIES,  # each time a new cluster; the ledger knows what is left
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 600,
            "activeDeadlineSeconds": round(launch.cluster.hours * 3600),
            "rayClusterSpec": _cluster(launch),
        },
    }


def _cluster(launch: Launch) -> dict[str, Any]:
    head = _pod(launch, "ray-head", cpus=2, gpus=0, memory_gb=8, spot=None)
    cluster = launch.cluster
    worker = _pod(
        launch, "ray-worker", cpus=cluster.cpus, gpus=cluster.gpus, memory_gb=cluster.memory_gb, spot=cluster.spot
    )
    return {
        "rayVersion": _ray_version(),
        "authOptions": {"mode": "token"},  # one for this cluster, which KubeRay makes and gives to its pods
        "enableInTreeAutoscaling": True,
        "headGroupSpec": {
            "rayStartParams": {"num-cpus": "0"},  # no trials beside the driver
            "template": head,
        },
        "workerGroupSpecs": [
            {
                "groupName": "workers",
                "replicas": cluster.nodes,
                "minReplicas": 0,
                "maxReplicas": cluster.nodes,
                "rayStartParams": {},
                "template": worker,
            }
        ],
    }


def _ray_version() -> str:
    import importlib.metadata

    return importlib.metadata.version("ray")


def _pod(launch: Launch, name: str, *, cpus: int, gpus: int, memory_gb: int, spot: str | None) -> dict[str, Any]:
    resources: dict[str, Any] = {"cpu": str(cpus), "memory": f"{memory_gb}Gi"}
    if gpus:
        resources["nvidia.com/gpu"] = str(gpus)
    spec: dict[str, Any] = {
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "containers": [
            {
                "name": name,
                "image": launch.cluster.needs_image(),
                "resources": {"requests": dict(resources), "limits": resources},
                "envFrom": [{"secretRef": {"name": _SECRET, "optional": True}}],
                "volumeMounts": [
                    {"name": "sweep", "mountPath": _SWEEP_FOLDER},
                    {"name": "data", "mountPath": _DATA_FOLDER},
                ],
            }
        ],
        "volumes": [
            {"name": "sweep", "configMap": {"name": f"mtlray-{launch.slug}"}},
            {"name": "data", "emptyDir": {}},  # the node's own disk; each pod makes its arrays once
        ],
    }
    if spot is not None:
        selector, tolerations = _SPOT[spot]
        spec["nodeSelector"] = selector
        if tolerations:
            spec["tolerations"] = tolerations
    return {"spec": spec}
