"""Runs a sweep on two nodes of a test cluster and removes one of them while it trains. usage: SWEEP RESULTS DATA"""

import sys
import threading
import time
from pathlib import Path

from ray.cluster_utils import Cluster


def main(sweep, results, data):
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]

    def lose_a_node():
        while len(list(Path(results).glob("small/trials/*/checkpoint-*.pt"))) < 2:
            time.sleep(0.05)
        cluster.remove_node(nodes[1], allow_graceful=False)
        print("the node is gone", flush=True)

    threading.Thread(target=lose_a_node, daemon=True).start()
    sys.argv = ["mtlray", "run", sweep, "--yes", "--address", cluster.address, "--results", results, "--data", data]
    sys.argv += ["--steps", "1500", "--checkpoint-seconds", "0.2"]
    from mtlray.cli import main as mtlray

    try:
        mtlray()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
