"""What is checked on every node of a cluster before a sweep starts: versions, and that results can be written."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from mtlray import __version__
from mtlray.errors import LaunchError, MtlrayError
from mtlray.provenance import versions
from mtlray.records import Ledger


def inspect_node(results: str, sweep: str) -> dict[str, str]:
    """What one node says of itself: its versions, and what goes wrong when it writes a result."""
    try:
        ledger = Ledger(results, sweep)
        name = f"trials/.probe-{uuid.uuid4().hex[:8]}"
        ledger.store.write(name, b"")
        ledger.store.delete(name)
    except (OSError, MtlrayError) as error:
        return {"versions": versions(), "error": str(error)}
    return {"versions": versions(), "error": ""}


def inspect_cluster(results: str, sweep: str) -> dict[str, dict[str, str]]:
    """`inspect_node` on every node that is alive, by address."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = ray.remote(inspect_node)
    nodes = {node["NodeID"]: node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}
    asked = {
        node: probe.options(
            num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        ).remote(results, sweep)
        for node in nodes
    }
    answers: list[Any] = []
    for node, answer in asked.items():
        try:
            answers.append(ray.get(answer, timeout=120))
        except ray.exceptions.RayError as error:  # no mtlray there, another Python, or no answer at all
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise LaunchError(
                f"Every node should have this mtlray {__version__} installed. Node {nodes[node]} says: {reason}. "
                "Install the same versions there, for example with constraints.txt."
            ) from error
    return {f"{address} ({node[:8]})": answer for (node, address), answer in zip(nodes.items(), answers, strict=True)}


def judge(answers: Mapping[str, Mapping[str, str]]) -> None:
    """Raise LaunchError for the first node that cannot write results or has other versions than the driver."""
    own = json.loads(versions())
    for node, answer in answers.items():
        if answer["error"]:
            raise LaunchError(
                f"Results should be writable from every node. Node {node} says: {answer['error']}. "
                "Give a --results folder that all nodes share, or an object store such as s3://bucket/folder."
            )
        theirs = json.loads(answer["versions"])
        different = [f"{name} {theirs.get(name)} (here {own[name]})" for name in own if theirs.get(name) != own[name]]
        if different:
            raise LaunchError(
                f"All nodes should have the versions of the driver, because numbers depend on them. Node {node} has "
                f"{', '.join(different)}. Install the same versions there, for example with constraints.txt."
            )
