"""The networks of trials that differ in nothing but the seed, called as one.

With one seed the plain module runs, in channels-last layout; with more, the parameters are stacked on a leading `seed` axis
and the network is mapped over it with torch.func. Both look the same from outside.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.func import stack_module_state

from mtlray.axes import Losses, PerSeed
from mtlray.errors import SpecError
from mtlray.models.as_one.linear_heads import LinearHeads, Predicted, linear_heads
from mtlray.models.as_one.mapping import Mapped, mapped
from mtlray.models.base import Heads, ModelSpec, SharedTrunk, head_name
from mtlray.models.beginning import check_forward, checkpoint, choose, initialise
from mtlray.models.blocks import blocks_of, in_blocks
from mtlray.models.computation import Computation
from mtlray.models.dtype import Precision, dtype_of
from mtlray.models.kernels import Kernel
from mtlray.randomness import stream_seed
from mtlray.tasks.at_once import bounded_metrics, joint_losses
from mtlray.tasks.task import Task
from mtlray.tasks.task_losses import TaskLosses

_Made = TypeVar("_Made")


class Networks:
    """The networks of a pack's trials on one device, one for each seed.

    `parameters` maps names to tensors; where `stacked`, each leads with the `seed` axis. `kernel` is what computes the
    convolutions of a single network on a CPU; one that is mapped by torch.func uses torch's. With `precision` "bf16" trunk and
    heads run under torch's automatic mixed precision; parameters, representation, predictions and losses keep `dtype`.

    Raises SpecError for several seeds of a stochastic model, whose dropout masks would depend on the pack, and for a network
    with a forward pass of its own whose spec has it that all heads read one representation; and for activation checkpointing of
    several seeds' stages, which are gone from torch.func's map by the time of the backward pass.
    """

    def __init__(
        self,
        spec: ModelSpec,
        input_shape: tuple[int, ...],
        tasks: Sequence[Task],
        seeds: Sequence[int],
        computation: Computation,
        precision: Precision = "float32",
    ) -> None:
        if spec.stochastic and len(seeds) > 1:
            raise SpecError(
                f"Model {spec.label} uses dropout, and its trials run one by one. Found a pack of {len(seeds)} seeds."
            )
        self.tasks, self.seeds, self.n_seeds = tuple(tasks), tuple(seeds), len(seeds)
        self.stacked = len(seeds) > 1
        self.device, self.dtype, self._autocast = computation.device, dtype_of(precision), precision == "bf16"
        self._label = spec.label
        self._stochastic, self._single = spec.stochastic, spec.single_representation
        self._channels_last = len(input_shape) == 3
        networks = [initialise(spec, input_shape, tasks, seed, self.dtype).to(self.device) for seed in seeds]
        # All modes are set here once, for a layer may have its own idea of them, such as a frozen batch norm; from then on
        # `_forward` sets them where they change.
        self._network: SharedTrunk = networks[0].train()
        check_forward(spec, self._network)
        if computation.activation_checkpointing:
            checkpoint(spec, self._network, len(seeds))
        self.kernel: Kernel = "torch"
        self.parameters: dict[str, Tensor]
        self.buffers: dict[str, Tensor]
        if self.stacked:
            self._stack(networks)
        else:
            if self._channels_last:
                self._network = self._network.to(memory_format=torch.channels_last)
            self.kernel = choose(self._network, "torch" if self._autocast else computation.kernel, self.device)
            self.parameters, self.buffers = dict(self._network.named_parameters()), dict(self._network.named_buffers())
        self._sort_parameters()
        self._alone: dict[int, Networks] = {}

    def _sort_parameters(self) -> None:
        trained = {
            name: p for name, p in self.parameters.items() if p.requires_grad
        }  # others are frozen by their module
        self.shared = [p for name, p in trained.items() if name.startswith("trunk.")]
        self.heads = [
            [p for name, p in trained.items() if name.startswith(f"heads.{head_name(task.name)}.")]
            for task in self.tasks
        ]
        joins = self._single and not self._autocast
        self._linear = linear_heads(self._network, self.heads, self.tasks, stacked=self.stacked) if joins else None

    def _stack(self, networks: Sequence[SharedTrunk]) -> None:
        self.parameters, self.buffers = stack_module_state(list(networks))

        def part(prefix: str, module: nn.Module) -> Mapped:
            return mapped(module, prefix, self.parameters, self.buffers, self._label)

        self._call = part("", self._network)
        # Two maps and not one, so that what lies between them is a tensor of the graph.
        self._call_trunk = part("trunk.", self._network.trunk)
        self._call_heads = part("heads.", self._network.heads)
        self._call_each = [part(f"heads.{n}.", head) for n, head in self._network.heads.items()]

    def alone(self, i: int) -> "Networks":
        """The network of the i-th seed by itself, called as a single one, with parameters of its own and the same numbers.

        They lie in the same memory, so that an update of the pack's is one of these; gradients do not.
        """
        if not self.stacked:
            return self
        if i not in self._alone:
            single, module = copy.copy(self), copy.deepcopy(self._network)
            for name, parameter in module.named_parameters():
                parameter.data = self.parameters[name].detach()[i]
            for name, _ in list(module.named_buffers()):
                owner, _, own = name.rpartition(".")
                module.get_submodule(owner)._buffers[own] = self.buffers[name][i]
            single._network, single.stacked = module.train(), False
            single.seeds, single.n_seeds = self.seeds[i : i + 1], 1
            single.parameters, single.buffers = dict(module.named_parameters()), dict(module.named_buffers())
            single._sort_parameters()
            self._alone[i] = single
        return self._alone[i]

    @property
    def n_shared(self) -> int:
        """The number of one trial's shared parameters."""
        return sum(p.numel() for p in self.shared) // self.n_seeds

    def predict(self, inputs: Tensor, *, training: bool = False) -> tuple[Tensor, ...]:
        """Predictions of each task, `[seed, batch, ...]`, for inputs `[seed, batch, ...]`."""
        return self._forward(inputs, training)[1]

    def represent(self, inputs: Tensor) -> Tensor:
        """What the trunk makes of inputs `[seed, batch, ...]`, not in training: `[seed, batch, ...]`.

        Raises SpecError where there is no single tensor that all heads read.
        """
        representation, _ = self._forward(inputs, training=False)
        if not isinstance(representation, Tensor):
            raise SpecError("The trunk's representation should be one tensor. The heads of this model read several.")
        return self._lead(representation)

    def _forward(
        self, inputs: Tensor, training: bool, blocks: Sequence[slice] = ()
    ) -> tuple[Tensor | None, tuple[Tensor, ...]]:
        """The representation that all heads read, None where there is no single one, and the predictions.

        `blocks` are the examples of each task, where each has its own; predictions are then of these.
        """
        network = self._network
        representation = self._trunk(inputs, training) if self._single else None
        if blocks and representation is not None and self._by_block(representation):
            if self.stacked:
                each = zip(self._call_each, blocks, strict=True)
                return representation, tuple(self._mixed(call, representation[:, block]) for call, block in each)
            heads = zip(network.heads.values(), blocks, strict=True)
            return representation, tuple(self._mixed(head, representation[block]).unsqueeze(0) for head, block in heads)
        if self.stacked:
            call, x = (self._call, inputs) if representation is None else (self._call_heads, representation)
            return representation, in_blocks(self._mixed(call, x), blocks)
        if representation is None:
            self._switch(training)
            predictions = self._mixed(network, self._laid_out(inputs))
        else:
            predictions = self._mixed(network.heads, representation)
        return representation, in_blocks(tuple(prediction.unsqueeze(0) for prediction in predictions), blocks)

    def _trunk(self, inputs: Tensor, training: bool) -> Tensor:
        """What the trunk makes of inputs, in its natural shape where not `stacked`."""
        self._switch(training)
        if self.stacked:
            return self._mixed(self._call_trunk, inputs)  # type: ignore[no-any-return]
        return self._mixed(self._network.trunk, self._laid_out(inputs))  # type: ignore[no-any-return]

    def _switch(self, training: bool) -> None:
        if self._network.training != training:  # it walks through all layers, which takes a hundredth of a LeNet step
            self._network.train(training)

    def _laid_out(self, inputs: Tensor) -> Tensor:
        return inputs[0].contiguous(memory_format=torch.channels_last) if self._channels_last else inputs[0]

    def _by_block(self, representation: object) -> bool:
        """Whether each head can be given the examples of its task alone."""
        return isinstance(representation, Tensor) and type(self._network.heads) is Heads

    def _mixed(self, part: Callable[[Tensor], Any], x: Tensor) -> Any:
        """A part of the network at `x`, under autocast where that is asked for; what it returns is in `dtype` again."""
        if not self._autocast:
            return part(x)
        with torch.autocast(self.device.type, torch.bfloat16):
            result = part(x)
        if isinstance(result, tuple):
            return tuple(tensor.to(self.dtype) for tensor in result)
        return result.to(self.dtype)

    def losses(
        self, inputs: Tensor, targets: Sequence[Tensor], step: int, tasks: Sequence[int] | None = None
    ) -> TaskLosses:
        """The tasks' losses on one mini-batch, each tensor leading with `[seed, batch]`; `step` names the dropout masks.

        With `tasks` they are those of some tasks, by number. Where targets are fewer than inputs, each task has examples of its
        own, and these follow each other in the order of the tasks.
        """
        chosen = range(len(self.tasks)) if tasks is None else tasks
        blocks = blocks_of(targets) if inputs.shape[1] > targets[0].shape[1] else ()
        if self._linear is not None and not blocks:
            return self._joint(self._linear, inputs, targets, step, chosen)

        def forward() -> tuple[Tensor | None, tuple[Tensor, ...]]:
            return self._train(step, lambda: self._forward(inputs, training=True, blocks=blocks))

        representation, predictions = forward()
        separate = self._each(predictions, targets, chosen)
        return TaskLosses(
            values=torch.stack(separate, dim=1),
            shared=self.shared,
            heads=[self.heads[t] for t in chosen],
            stacked=self.stacked,
            recompute=lambda: torch.stack(self._each(forward()[1], targets, chosen), dim=1),
            representation=representation if isinstance(representation, Tensor) else None,
            measure=lambda: bounded_metrics(
                [self.tasks[t] for t in chosen], [predictions[t] for t in chosen], [targets[t] for t in chosen]
            ),
            separate=separate,
        )

    def _joint(
        self, heads: LinearHeads, inputs: Tensor, targets: Sequence[Tensor], step: int, chosen: Sequence[int]
    ) -> TaskLosses:
        """`losses` with the heads, and losses of equal kind, computed as one."""
        tasks, of_tasks = [self.tasks[t] for t in chosen], [targets[t] for t in chosen]

        def forward() -> tuple[Tensor, Predicted]:
            representation = self._train(step, lambda: self._trunk(inputs, training=True))
            return representation, heads(representation, chosen)

        def values(predicted: Predicted) -> Losses:
            return joint_losses(tasks, predicted.groups, predicted.of_groups, of_tasks)

        representation, predicted = forward()
        return TaskLosses(
            values=values(predicted),
            shared=self.shared,
            heads=[self.heads[t] for t in chosen],
            stacked=self.stacked,
            recompute=lambda: values(forward()[1]),
            representation=representation,
            measure=lambda: bounded_metrics(tasks, predicted.of_tasks, of_tasks),
            joint=predicted.heads,
        )

    def _train(self, step: int, forward: Callable[[], _Made]) -> _Made:
        """A forward pass in training mode, with the dropout masks of a step."""
        if not self._stochastic:
            return forward()
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(stream_seed(self.seeds[0], "dropout", step))
            return forward()

    def _each(self, predictions: Sequence[Tensor], targets: Sequence[Tensor], tasks: Sequence[int]) -> list[PerSeed]:
        return [self.tasks[t].loss(predictions[t], targets[t]) for t in tasks]

    def state(self) -> dict[str, Tensor]:
        """Copies of all parameters and buffers, each leading with the `seed` axis."""
        tensors = {**self.parameters, **self.buffers}
        return {name: self._lead(t.detach()).clone().contiguous() for name, t in tensors.items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned."""
        for name, tensor in {**self.parameters, **self.buffers}.items():
            with torch.no_grad():
                tensor.copy_(state[name] if self.stacked else state[name][0])

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Give each seed these parameters and buffers, by name and without the `seed` axis; others stay. Raises KeyError."""
        own = {**self.parameters, **self.buffers}
        with torch.no_grad():
            for name, tensor in tensors.items():
                own[name].copy_(tensor)

    @property
    def module(self) -> SharedTrunk:
        """The network itself, with inputs and predictions that have no `seed` axis; of several seeds there is none."""
        assert not self.stacked, "the parameters of several seeds are not in a module"
        return self._network

    def trunk_gradient_norm(self) -> Tensor:
        """Euclidean norm of the shared parameters' `.grad`, `[seed]`."""
        squares = [self._lead(p.grad).flatten(1).square().sum(dim=1) for p in self.shared if p.grad is not None]
        return torch.stack(squares).sum(dim=0).sqrt()

    def _lead(self, tensor: Tensor) -> Tensor:
        return tensor if self.stacked else tensor.unsqueeze(0)
