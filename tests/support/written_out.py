"""What tests need that write a network out with plain functions: batch normalisation, and a network that is unlike a new one."""

from torch import nn


def count(module):
    """The number of a module's parameters."""
    return sum(p.numel() for p in module.parameters())


def batch_norm(w, name, x, training):
    """Batch normalisation of `x`, `[example, channel, ...]`; `w` are parameters and buffers."""
    axes = tuple(k for k in range(x.ndim) if k != 1)
    mean, var = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    if training:
        mean, var = x.mean(dim=axes), x.var(dim=axes, unbiased=False)
    shape = (-1, *[1] * (x.ndim - 2))
    mean, var, scale, shift = (v.reshape(shape) for v in (mean, var, w[f"{name}.weight"], w[f"{name}.bias"]))
    return (x - mean) / (var + 1e-5).sqrt() * scale + shift


def draw_vectors(network, generator):
    """Other numbers in all that is a vector: normalisations, and biases."""
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if tensor.ndim == 1:
            low = 0.5 if name.endswith(("weight", "var")) else -0.3
            tensor.uniform_(low, low + 0.6, generator=generator)


def see(network, inputs):
    """Leave the running statistics of a batch in each normalisation."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0  # they are then those of the last batch
    network(inputs)
