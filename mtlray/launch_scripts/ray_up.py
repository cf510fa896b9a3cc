"""`ray up`: a cluster of cloud machines, or of machines that are there, from Ray's own cluster file; then one `ray exec`."""

import shlex
from typing import Any

from mtlray.checks import require
from mtlray.errors import LaunchError
from mtlray.launch_scripts.launch import Launch
from mtlray.launch_scripts.yaml_text import as_yaml

# Machines by the cores and GPUs asked for: the smallest that has them. AWS and GCP, from their own lists; x86, general purpose.
_MACHINES: dict[str, tuple[tuple[int, int, str], ...]] = {
    "aws": (
        (0, 2, "m6i.large"), (0, 4, "m6i.xlarge"), (0, 8, "m6i.2xlarge"), (0, 16, "m6i.4xlarge"), (0, 32, "m6i.8xlarge"),
        (1, 4, "g5.xlarge"), (1, 8, "g5.2xlarge"), (1, 16, "g5.4xlarge"), (4, 48, "g5.12xlarge"), (8, 192, "g5.48xlarge"),
    ),
    "gcp": (
        (0, 2, "n2-standard-2"), (0, 4, "n2-standard-4"), (0, 8, "n2-standard-8"), (0, 16, "n2-standard-16"),
        (0, 32, "n2-standard-32"), (1, 4, "g2-standard-4"), (1, 8, "g2-standard-8"), (1, 16, "g2-standard-16"),
        (4, 48, "g2-standard-48"), (8, 96, "g2-standard-96"),
    ),
}  # fmt: skip
_PROVIDERS = {
    "aws": {"type": "aws", "region": "us-west-2", "cache_stopped_nodes": False},
    "gcp": {"type": "gcp", "region": "us-west1", "availability_zone": "us-west1-a", "project_id": "YOUR-PROJECT"},
}
_FOLDER = "/home/ray/sweep"
# One token for all machines, which may hold others that a Ray of their own left behind; those nodes would be refused.
_TOKEN, _TOKEN_THERE = "~/.ray/auth_token", "/home/ray/.ray/auth_token"
_AUTH = f"export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH={_TOKEN_THERE}; "
_HEAD = (
    f"{_AUTH}ray start --head --port=6379 --autoscaling-config=~/ray_bootstrap_config.yaml --dashboard-host=127.0.0.1"
)
_WORKER = f"{_AUTH}ray start --address=$RAY_HEAD_IP:6379"


def ray_up(launch: Launch) -> str:
    """The cluster file, with the commands to use it as comments. Raises LaunchError."""
    launch.shared_results("The nodes of a `ray up` cluster")
    require(launch.cluster.spot in (None, "cloud"), "spot", "be `cloud` for ray-up", launch.cluster.spot)
    require(
        launch.cluster.provider == "local" or not launch.cluster.hosts,
        "hosts",
        "be given only with --provider local",
        launch.cluster.hosts,
    )
    content = _local(launch) if launch.cluster.provider == "local" else _cloud(launch)
    run = launch.run(
        sweep=f"{_FOLDER}/{launch.sweep.name}",
        data=None if launch.cluster.data is None else shlex.quote(launch.cluster.data),
        options=["--address", "auto", "--wait-seconds", "900"],
    )
    return (
        f"# Made by: {launch.made_by}\n"
        f"# Once:    ray get-auth-token --generate    (the cluster's token is yours, in {_TOKEN})\n"
        "# Start:   ray up -y THIS_FILE\n"
        f"# Run:     ray exec THIS_FILE {shlex.quote(_AUTH + run)}    (again: continues with what is left)\n"
        "# End:     ray down -y THIS_FILE\n" + as_yaml(content)
    )


def _common(launch: Launch) -> dict[str, Any]:
    docker = {"image": launch.cluster.needs_image(), "container_name": "mtlray", "pull_before_run": True}
    if launch.cluster.gpus:
        docker["run_options"] = ["--gpus all"]
    return {
        "docker": docker,
        "file_mounts": {_FOLDER: str(launch.sweep.parent), _TOKEN_THERE: _TOKEN},
        "rsync_exclude": ["**/.git", "**/results"],
        "setup_commands": [launch.cluster.setup] if launch.cluster.setup else [],
        "head_start_ray_commands": ["ray stop", _HEAD],
        "worker_start_ray_commands": ["ray stop", _WORKER],
    }


def _cloud(launch: Launch) -> dict[str, Any]:
    head, worker = (
        (_machine(launch.cluster.provider, *size), size[1])
        for size in ((2, 0), (launch.cluster.cpus, launch.cluster.gpus))
    )
    node = _aws_node if launch.cluster.provider == "aws" else _gcp_node
    resources = {"CPU": launch.cluster.cpus, **({"GPU": launch.cluster.gpus} if launch.cluster.gpus else {})}
    return {
        "cluster_name": f"mtlray-{launch.slug}",
        "max_workers": launch.cluster.nodes,
        "idle_timeout_minutes": 10,
        "provider": _PROVIDERS[launch.cluster.provider],
        "auth": {"ssh_user": "ubuntu"},
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "node_config": node(*head, spot=False)},  # no trials beside the driver
            "worker": {
                "min_workers": 0,
                "max_workers": launch.cluster.nodes,
                "resources": resources,
                "node_config": node(*worker, spot=launch.cluster.spot is not None),
            },
        },
        "head_node_type": "head",
        **_common(launch),
    }


def _aws_node(machine: str, gpus: int, *, spot: bool) -> dict[str, Any]:
    del gpus  # Ray picks an image with Docker and the driver
    return {"InstanceType": machine, **({"InstanceMarketOptions": {"MarketType": "spot"}} if spot else {})}


def _gcp_node(machine: str, gpus: int, *, spot: bool) -> dict[str, Any]:
    """A node with Docker on it; the image for GPUs goes by the driver, which is the user's to choose."""
    family = "common-cpu" if gpus == 0 else "YOUR-GPU-IMAGE"
    source = f"projects/deeplearning-platform-release/global/images/family/{family}"
    disk = {
        "boot": True,
        "autoDelete": True,
        "type": "PERSISTENT",
        "initializeParams": {"diskSizeGb": 50, "sourceImage": source},
    }
    return {"machineType": machine, "disks": [disk], **({"scheduling": {"preemptible": True}} if spot else {})}


def _local(launch: Launch) -> dict[str, Any]:
    require(
        len(launch.cluster.hosts) >= 1,
        "hosts",
        "name the machines, the head first: --hosts 10.0.0.1,10.0.0.2",
        launch.cluster.hosts,
    )
    return {
        "cluster_name": f"mtlray-{launch.slug}",
        "provider": {"type": "local", "head_ip": launch.cluster.hosts[0], "worker_ips": list(launch.cluster.hosts[1:])},
        "auth": {"ssh_user": "YOUR-USER", "ssh_private_key": "~/.ssh/id_ed25519"},
        "max_workers": len(launch.cluster.hosts) - 1,
        **_common(launch),
    }


def _machine(provider: str, cpus: int, gpus: int) -> str:
    fitting = [(g, c, name) for g, c, name in _MACHINES[provider] if c >= cpus and g >= gpus and (g > 0) == (gpus > 0)]
    if not fitting:
        listed = ", ".join(f"{name} ({c} cores, {g} GPUs)" for g, c, name in _MACHINES[provider])
        raise LaunchError(
            f"No machine type in the list for {provider} has {cpus} cores and {gpus} GPUs: {listed}. Ask for fewer, or print "
            "the file for fewer and edit the machine type in it."
        )
    return min(fitting)[2]
