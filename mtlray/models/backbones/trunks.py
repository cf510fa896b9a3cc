"""Classifiers of torchvision as trunks: built for the size and channels of the inputs, their last layer taken off."""

from pathlib import Path
from typing import Any

from torch import nn

from mtlray.errors import SpecError, unknown_name
from mtlray.models.backbones.weights import OfImageNet, put_into

_N_CLASSES = 1000
# The families whose networks draw no random numbers in training; a test compares them with the layers. All others are
# taken for stochastic, and their trials run one by one.
_DETERMINISTIC = ("densenet", "regnet", "resnet", "resnext", "shufflenet", "vit", "wide_resnet")


def require_known(name: str) -> None:
    """Raise SpecError, with the nearest name, for one that is no classifier of torchvision."""
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        raise unknown_name("classifier of torchvision", name, known)


def is_stochastic(name: str) -> bool:
    """Whether training draws random numbers, for dropout or for depths."""
    return not name.startswith(_DETERMINISTIC)


def trunk_of(name: str, input_shape: tuple[int, ...], weights: Path | None, content: str) -> tuple[nn.Module, int]:
    """A classifier without its last layer, for images `[channel, row, column]`, and how many numbers it gives for each.

    Raises DataError and SpecError.
    """
    from torchvision import models

    network: nn.Module = models.get_model(name, **_settings(name, input_shape, weights is not None))
    where, last = _last_layer(network)
    width = last.in_features if isinstance(last, nn.Linear) else last.in_channels
    if input_shape[0] != 3:
        _take_channels(network, input_shape[0])
    if weights is not None:
        put_into(network, weights, content, where)
    _replace(network, where, nn.Identity())
    return (network if weights is None else nn.Sequential(OfImageNet(), network)), width


def check_inputs(name: str, input_shape: tuple[int, ...], *, pretrained: bool) -> None:
    """Raise SpecError for inputs that are no images, and for weights of colour images where inputs have other channels."""
    if len(input_shape) != 3:
        found = "x".join(map(str, input_shape))
        raise SpecError(f"{name} takes images, channels x rows x columns. The data set has inputs of {found}.")
    if pretrained and input_shape[0] != 3:
        raise SpecError(
            f"The weights of {name} are of images with three channels. The data set has {input_shape[0]}. Bring images in "
            "colour, or leave `weights` out."
        )


def _settings(name: str, input_shape: tuple[int, ...], pretrained: bool) -> dict[str, Any]:
    """What a classifier has to be told besides its name."""
    settings: dict[str, Any] = {"weights": None, "num_classes": _N_CLASSES}
    if name in ("googlenet", "inception_v3"):
        settings |= {"aux_logits": False, "init_weights": True, "transform_input": pretrained}
    if name.startswith("vit_"):
        settings["image_size"] = input_shape[1]
    if name.startswith("maxvit_"):
        settings["input_size"] = input_shape[1:]
    return settings


def _last_layer(network: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """The last layer with an output for each class, and its name."""
    found: list[tuple[str, nn.Linear | nn.Conv2d]] = []
    for name, module in network.named_modules():
        outputs = getattr(module, "out_features", None) or getattr(module, "out_channels", None)
        if isinstance(module, (nn.Linear, nn.Conv2d)) and outputs == _N_CLASSES:
            found.append((name, module))
    return found[-1]


def _take_channels(network: nn.Module, n: int) -> None:
    """Let the first convolution take `n` channels in place of three."""
    name, first = next((name, m) for name, m in network.named_modules() if isinstance(m, nn.Conv2d))
    sizes: dict[str, Any] = {"stride": first.stride, "padding": first.padding, "bias": first.bias is not None}
    made = nn.Conv2d(n, first.out_channels, first.kernel_size, **sizes)  # type: ignore[arg-type]
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    _replace(network, name, made)


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(network.get_submodule(parent), last, module)
