"""What is checked on a cluster before a sweep starts: a node that can run a trial, and on every node versions and results."""

import json
import platform
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtlray import __version__
from mtlray.data.files.remote import check
from mtlray.errors import LaunchError, MtlrayError
from mtlray.identity.provenance import versions
from mtlray.results.ledger import Ledger

_POLL_SECONDS = 2.0
_ANSWER_SECONDS = 120.0


@dataclass(frozen=True)
class RemoteData:
    """The prepared arrays that trials read: `folders` below the data folder `root`, to be fetched from `uri`."""

    folders: tuple[Path, ...]
    root: Path
    uri: str


def inspect_node(results: str, sweep: str, token: str | None = None, data: RemoteData | None = None) -> dict[str, str]:
    """What one node reports about itself: its versions, what goes wrong when it reads a file of the driver and writes one, and
    what when it looks for data that it does not have."""
    answer = {"versions": versions(), "error": _trouble_with_results(results, sweep, token), "data": ""}
    if data is not None:
        try:
            check(data.folders, data.root, data.uri)
        except (OSError, MtlrayError) as error:
            answer["data"] = str(error)
    return answer


def _trouble_with_results(results: str, sweep: str, token: str | None) -> str:
    try:
        store = Ledger(results, sweep).store
        if token is not None:
            try:
                store.read(token)
            except FileNotFoundError:
                return f"{store.where(token)}, written by the driver just now, is not there"
        name = f"trials/.probe-{uuid.uuid4().hex[:8]}"
        store.write(name, b"")
        store.delete(name)
    except (OSError, MtlrayError) as error:
        return str(error)
    return ""


def inspect_cluster(results: str, sweep: str, data: RemoteData | None = None) -> dict[str, dict[str, str]]:
    """`inspect_node` on every node that is alive, by address. Raises LaunchError if one does not answer."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    store = Ledger(results, sweep).store
    token = f"trials/.probe-{uuid.uuid4().hex[:8]}"
    store.write(token, platform.node().encode())
    probe: Any = ray.remote(inspect_node)  # ray's stubs know one argument
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    asked = {
        node: probe.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        ).remote(results, sweep, token, data)
        for node in nodes
    }
    answers: dict[str, dict[str, str]] = {}
    try:
        for node, answer in asked.items():
            found: Any = ray.get(answer, timeout=_ANSWER_SECONDS)
            answers[f"{nodes[node]} ({node[:8]})"] = found
    except ray.exceptions.RayError as error:  # no mtlray there, another Python, or no answer at all
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise LaunchError(
            f"Every node should be able to run this mtlray {__version__}. Node {nodes[node]} says: {reason.rstrip('.')}. Install "
            "the same versions there, for example with constraints.txt; if they are installed, try again and look at that "
            "node's "
            "Ray logs."
        ) from error
    finally:
        store.delete(token)
    return answers


def judge(answers: Mapping[str, Mapping[str, str]]) -> None:
    """Raise LaunchError for the first node that does not share the results or has other versions than the driver."""
    own = json.loads(versions())
    for node, answer in answers.items():
        if answer["error"]:
            raise LaunchError(
                f"Results should be writable from every node, in one place. Node {node} says: {answer['error'].rstrip('.')}. "
                "Give a --results folder that all nodes share, or an object store such as s3://bucket/folder."
            )
        if answer.get("data"):
            raise LaunchError(f"Every node should be able to fetch the data. Node {node} says: {answer['data']}")
        theirs = json.loads(answer["versions"])
        different = [f"{name} {theirs.get(name)} (here {own[name]})" for name in own if theirs.get(name) != own[name]]
        if different:
            raise LaunchError(
                f"All nodes should have the versions of the driver, because numbers depend on them. Node {node} has "
                f"{', '.join(different)}. Install the same versions there, for example with constraints.txt."
            )


def await_node(wanted: Mapping[str, float], seconds: float, stopped: Callable[[], bool] = lambda: False) -> None:
    """Return once a node has the resources of one trial, or `stopped`. Raises LaunchError after `seconds`.

    Tune would wait forever. The request also makes an autoscaler add such a node.
    """
    import ray

    deadline = time.monotonic() + seconds
    asked = False
    while not stopped():
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(kind, 0) >= amount for kind, amount in wanted.items()) for node in nodes):
            break
        if time.monotonic() >= deadline:
            found = ray.cluster_resources()
            waited = f" after {seconds:g} s" if seconds else ""
            raise LaunchError(
                f"Each trial needs {cpus_and_gpus(wanted)} on one node. The cluster has {cpus_and_gpus(found)} on "
                f"{len(nodes)} nodes in all{waited}. Choose another --device, add nodes, or wait "
                "longer for them with --wait-seconds."
            )
        if not asked:
            from ray.autoscaler.sdk import request_resources

            request_resources(bundles=[dict(wanted)])
            asked = True
        time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
    if asked:
        from ray.autoscaler.sdk import request_resources

        request_resources(bundles=[])  # or the autoscaler would keep the node for ever


def cpus_and_gpus(resources: Mapping[str, float]) -> str:
    """CPUs and GPUs, for a message."""
    return ", ".join(f"{resources.get(kind, 0):g} {kind}" for kind in ("CPU", "GPU"))
