"""What a network of a user's own must not do, for then its numbers would be others than they seem."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mtlray.errors import SpecError
from mtlray.models.base import SharedTrunk


def check_parameters(label: str, network: SharedTrunk) -> None:
    """Raise SpecError where trunk and heads share a parameter, whose gradient would be a part of it, and for nothing to train."""
    owner: dict[int, str] = {}
    parts = {"the trunk": network.trunk, **{f"the head of {name}": head for name, head in network.heads.items()}}
    for name, part in parts.items():
        for parameter in part.parameters():
            first = owner.setdefault(id(parameter), name)
            if first != name:
                raise SpecError(
                    f"Each parameter of model {label} should belong to the trunk or to one head. Found one in {first} and in "
                    f"{name}. Put what tasks share into the trunk, and let a head be made anew for each task."
                )
    if not any(parameter.requires_grad for parameter in network.trunk.parameters()):
        raise SpecError(
            f"The trunk of model {label} should have parameters that are trained, because strategies weigh the tasks' gradients "
            "there. Found none. Leave some of its layers with `requires_grad`, or make a layer that all tasks share."
        )


def check_in_place(label: str, network: SharedTrunk, inputs: Tensor) -> None:
    """Raise SpecError where a trunk changes its inputs, or a head what all heads read: another reader would see other numbers."""
    if type(network).forward is not SharedTrunk.forward:
        return
    with torch.no_grad():
        before = inputs._version
        representation = network.trunk(inputs)
        if inputs._version != before:
            raise SpecError(
                f"The trunk of model {label} should leave its inputs as they are. It changes them in place. Begin with a layer "
                "that does not, such as `nn.ReLU()` for `nn.ReLU(inplace=True)`."
            )
        before = representation._version
        for name, head in network.heads.items():
            head(representation)
            if representation._version != before:
                raise SpecError(
                    f"The head of {name} in model {label} should leave the representation as it is, for all heads read it. It "
                    "changes it in place. Begin with a layer that does not, such as `nn.ReLU()` for `nn.ReLU(inplace=True)`."
                )


def reaches(network: SharedTrunk, outputs: Sequence[Tensor]) -> bool:
    """Whether a gradient of what the network makes reaches a parameter of the trunk."""
    parameters = [parameter for parameter in network.trunk.parameters() if parameter.requires_grad]
    joint = torch.stack([output.sum() for output in outputs]).sum()
    if not joint.requires_grad:
        return False
    return any(g is not None for g in torch.autograd.grad(joint, parameters, allow_unused=True))
