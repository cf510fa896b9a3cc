"""What activation checkpointing saves and costs on a CPU: SegNet-split on rooms, VGG16 on faces.

    python benchmarks/activation_checkpointing.py [--rounds 5]

Inputs and targets are random. Each variant has a process of its own with one thread; they run a step in turn. A step of one
backward pass is that of `equal`; one backward pass a task is what gradient-based strategies run. What is kept between the forward
and the backward pass is counted once a storage, without the parameters; the peak is of the whole process.
"""

import argparse
import multiprocessing
import statistics
import time
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from mtlray import VGG, NYUv2, SegNet, UTKFace
from mtlray.identity.provenance import cpu_name
from mtlray.models import Computation, Networks
from mtlray.running.surroundings import keep_freed_memory

CASES = {
    "SegNet-split, 288x384, batches of 2": (NYUv2(), SegNet(), 2),
    "VGG16, 224x224, batches of 8": (UTKFace(n_images=(2, 2)), VGG(), 8),
}


def random_batch(dataset, n):
    rng = torch.Generator().manual_seed(0)
    targets = []
    for task in dataset.tasks:
        shape = task.output_shape
        if task.name in ("age", "gender"):
            targets.append(torch.randint(shape[0], (1, n), generator=rng))
        elif task.name == "segmentation":
            targets.append(torch.randint(shape[0], (1, n, *shape[1:]), generator=rng))
        else:
            targets.append(torch.nn.functional.normalize(torch.rand(1, n, *shape, generator=rng), dim=2))
    return torch.rand(1, n, *dataset.input_shape, generator=rng), targets


def kept_bytes(networks, inputs, targets):
    """What a forward pass keeps for the backward pass."""
    of_parameters = {p.untyped_storage().data_ptr() for p in networks.parameters.values()}
    kept = {}

    def count(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in of_parameters:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        losses = networks.losses(inputs, targets, 0)
    assert losses.values.requires_grad
    return sum(kept.values())


def peak_bytes():
    with Path("/proc/self/status").open() as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def serve(case, every_task, recompute, pipe: Connection):
    torch.set_num_threads(1)
    keep_freed_memory()
    dataset, model, n = CASES[case]
    computation = Computation(torch.device("cpu"), "torch", activation_checkpointing=recompute)
    networks = Networks(model, dataset.input_shape, dataset.tasks, (0,), computation)
    optimizer = torch.optim.SGD(list(networks.parameters.values()), lr=1e-6, momentum=0.9)
    inputs, targets = random_batch(dataset, n)
    kept = kept_bytes(networks, inputs, targets)
    while pipe.recv():
        started = time.process_time()
        optimizer.zero_grad()
        losses = networks.losses(inputs, targets, 0)
        if every_task:
            losses.write(losses.jacobian().sum(dim=1))
        else:
            losses.values.sum().backward()
        optimizer.step()
        del losses
        pipe.send((time.process_time() - started, kept, peak_bytes()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    print(f"{cpu_name()}, torch {torch.__version__}, one thread, {chosen.rounds} steps of each")
    context = multiprocessing.get_context("spawn")
    for case in CASES:
        for every_task in (False, True):
            pipes, processes = [], []
            for recompute in (False, True):
                mine, theirs = context.Pipe()
                target = partial(serve, case, every_task, recompute)
                processes.append(context.Process(target=target, args=(theirs,), daemon=True))
                processes[-1].start()
                pipes.append(mine)
            rounds = []
            for round_ in range(chosen.rounds + 1):
                answers = []
                for pipe in pipes:
                    pipe.send(True)
                    answers.append(pipe.recv())
                if round_:  # the first one warms up
                    rounds.append(answers)
            for pipe, process in zip(pipes, processes, strict=True):
                pipe.send(False)
                process.join()
            ratios = [on[0] / off[0] for off, on in rounds]
            _, kept, peak = zip(*rounds[-1], strict=True)
            seconds = [statistics.median(r[i][0] for r in rounds) for i in (0, 1)]
            print(f"{case}, {'a backward pass a task' if every_task else 'one backward pass'}, without and with:")
            print(f"    kept for the backward pass  {kept[0] / 2**20:7.0f} {kept[1] / 2**20:7.0f} MiB")
            print(f"    peak of the process         {peak[0] / 2**20:7.0f} {peak[1] / 2**20:7.0f} MiB")
            print(
                f"    CPU seconds of a step       {seconds[0]:7.2f} {seconds[1]:7.2f}, ratio {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
