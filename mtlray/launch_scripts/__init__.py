"""Launch scripts: finished files for Slurm, KubeRay, `ray up` and `ray job submit`, made from one description of a launch."""

from mtlray.launch_scripts.kuberay import kuberay
from mtlray.launch_scripts.launch import Cluster, Launch
from mtlray.launch_scripts.ray_job import ray_job
from mtlray.launch_scripts.ray_up import ray_up
from mtlray.launch_scripts.slurm import slurm

SCRIPTS = {"slurm": slurm, "kuberay": kuberay, "ray-up": ray_up, "ray-job": ray_job}

__all__ = ["SCRIPTS", "Cluster", "Launch", "kuberay", "ray_job", "ray_up", "slurm"]
