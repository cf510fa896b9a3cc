"""Every random stream of a trial, derived from (trial seed, purpose, step). Nothing draws from a global generator.

A stream is named by its purpose ("init", "subset", "order", "dropout", "strategy"), so that adding a draw for one purpose
does not shift another, and counted by a step, so that nothing about it has to be stored in a checkpoint.
"""

import hashlib

import numpy as np
import torch


def stream_seed(seed: int, purpose: str, step: int = 0) -> int:
    """A 63-bit seed for one stream; equal on every machine and in every version of Python, numpy and torch."""
    digest = hashlib.sha256(f"mtlray/{seed}/{purpose}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, step: int = 0) -> torch.Generator:
    """A torch generator on the CPU for one stream."""
    return torch.Generator().manual_seed(stream_seed(seed, purpose, step))


def numpy_generator(seed: int, purpose: str, step: int = 0) -> np.random.Generator:
    """A numpy generator for one stream, used where data is prepared."""
    return np.random.Generator(np.random.PCG64(stream_seed(seed, purpose, step)))
