"""Structured pruning by Torch-Pruning, as a method of the bench: whole channels leave the network.

No decomposition, and no layer at a time: a channel that goes takes rows of the next layer, of batch-norms and of all
layers added to its own along. A table that has it shows what a decomposition competes with.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch_pruning
from torch import Tensor, nn

from decompbench.methods.authoring import Knob, SettingError, WholeModelMethod, register, require

IMPORTANCE = {
    "magnitude": lambda: torch_pruning.importance.GroupMagnitudeImportance(p=2),
    "lamp": lambda: torch_pruning.importance.LAMPImportance(p=2),
    "bn-scale": lambda: torch_pruning.importance.BNScaleImportance(),
    "random": lambda: torch_pruning.importance.RandomImportance(),
}
"""How the channels to go are chosen, by the name of the setting."""


@register("torch-pruning")
@dataclass(frozen=True)
class StructuredPruning(WholeModelMethod):
    """Every group of coupled channels loses the same fraction of them, the least important first (DepGraph).

    What makes the network's output keeps its channels. The numbers of channels follow from the settings alone, so that
    a saved network is built again without its weights; which channels go follows from the weights.

    Parameters
    ----------
    keep
        Fraction of the channels that stays, in (0, 1].
    importance
        ``"magnitude"``: the norm of all weights of a coupled channel; ``"lamp"``: that norm relative to those of the
        larger ones; ``"bn-scale"``: the scale of the batch-norm behind; ``"random"``: none.
    multiple
        The channels that stay are a multiple of this.
    """

    keep: float = 0.5
    importance: Literal["magnitude", "lamp", "bn-scale", "random"] = "magnitude"
    multiple: int = 1

    version: ClassVar[int] = 1
    paper: ClassVar[str] = "Fang et al., DepGraph: Towards Any Structural Pruning, CVPR 2023"
    knob: ClassVar[Knob] = Knob("keep", 0.02, 1.0)

    def __post_init__(self) -> None:
        require(0 < self.keep <= 1, f"torch-pruning: keep is a fraction in (0, 1], got {self.keep}")
        require(self.multiple >= 1, f"torch-pruning: multiple is at least 1, got {self.multiple}")

    def shrink(
        self, model: nn.Module, example: tuple[Any, ...], kept: frozenset[str], generator: torch.Generator
    ) -> None:
        modes = {module: module.training for module in model.modules()}
        trainable = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
        model.eval().requires_grad_(True)  # channels are followed along the gradient's graph
        ignored = [model.get_submodule(path) for path in kept] + output_layers(model, example)
        device = next(model.parameters()).device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), warnings.catch_warnings():
            # of parameters outside of layers, such as a layer scale: they are pruned along, and the plan checks that
            warnings.simplefilter("ignore")
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            pruner = torch_pruning.pruner.BasePruner(
                model,
                example,
                importance=IMPORTANCE[self.importance](),
                pruning_ratio=1 - self.keep,
                pruning_ratio_dict={layer: self._ratio(layer) for layer in weighted_layers(model)},
                ignored_layers=ignored,
                round_to=self.multiple,
            )
            pruner.step()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(trainable[name])
            parameter.grad = None
        for module, mode in modes.items():
            module.training = mode

    def _ratio(self, layer: nn.Module) -> float:
        """Return the fraction of a layer's channels to go: one stays in any case, or the library prunes none."""
        channels = layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels
        return min(1 - self.keep, (channels - 1) / channels - 1e-9) if channels > 1 else 0.0


def weighted_layers(model: nn.Module) -> list[Any]:
    """Return the convolutions and linear layers of a network."""
    return [m for m in model.modules() if isinstance(m, nn.modules.conv._ConvNd | nn.Linear)]


def output_layers(model: nn.Module, example: tuple[Any, ...]) -> list[nn.Module]:
    """Return the convolutions and linear layers with no other one between them and the network's output."""
    made: dict[Any, nn.Module] = {}
    layers = weighted_layers(model)
    hooks = [layer.register_forward_hook(lambda m, _, output: made.update({output.grad_fn: m})) for layer in layers]
    try:
        waiting = [tensor.grad_fn for tensor in tensors(model(*example))]
    finally:
        for hook in hooks:
            hook.remove()
    found, seen = set[nn.Module](), set[Any]()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in made:
            found.add(made[node])
        else:
            waiting += [before for before, _ in node.next_functions]
    return [layer for layer in layers if layer in found]


def tensors(output: Any) -> Iterator[Tensor]:
    """Yield the tensors of a network's output, which may be nested."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, dict | list | tuple):
        for part in output.values() if isinstance(output, dict) else output:
            yield from tensors(part)
    else:
        raise SettingError(f"torch-pruning follows tensors, and the network's output has a {type(output).__name__}")
