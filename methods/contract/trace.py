"""The trace of a model: the spec of every convolution or linear layer, and the MACs of the rest, from one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from .forward import call, evaluating, first_argument, require_example
from .spec import ConvSpec, Layers, attention_specs

CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d)
"""Functions that a network may call without a module, as blurs with a fixed kernel do."""


@dataclass(frozen=True)
class Trace:
    """The layers of a model in the order of their first call, and the MACs per image of everything else.

    Attributes
    ----------
    specs
        Every convolution that is a module, and where ``layers`` says so every linear layer.
    linear_macs
        MACs of linear layers that are not in ``specs``, and of convolutions that no module holds.
    layers
        Which layers are in ``specs``.
    """

    specs: tuple[ConvSpec, ...]
    linear_macs: int
    layers: Layers = "conv"

    @property
    def macs(self) -> int:
        """MACs per image of all convolutions and linear layers."""
        return sum(spec.cost.macs for spec in self.specs) + self.linear_macs


def trace(model: nn.Module, example: Tensor | tuple[Any, ...], layers: Layers = "conv") -> Trace:
    """Run ``example`` through ``model`` once and describe every convolution, and every linear layer where asked.

    Parameters
    ----------
    model
        Any module; its mode and its batch-norm statistics are left as they were.
    example
        An input batch, or a tuple of the forward's arguments whose first is the batch; counts are per image of it.
    layers
        Whether linear layers are described, too.

    Returns
    -------
    Trace
        Specs in the order of the first call; layers never called come last, with no positions.

    Raises
    ------
    SettingError
        If ``example`` is no input.
    """
    require_example(example)
    specs: dict[nn.Module, ConvSpec] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, (_ConvNd, nn.Linear) if layers == "conv+linear" else _ConvNd):
            known = specs.get(module)
            specs[module] = (
                ConvSpec.of(module, path) if known is None else replace(known, aliases=(*known.aliases, path))
            )
    holders: dict[int, str] = {}
    for conv, spec in specs.items():
        holder = holders.setdefault(id(conv.weight), spec.path)
        if holder != spec.path:
            specs[conv] = replace(spec, shares_weight_with=holder)
    batch = (example[0] if isinstance(example, tuple) else example).shape[0]
    called = 0
    linear_macs = 0

    def on_conv(conv: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        nonlocal called
        spec = specs[conv]
        seen = first_argument(args, kwargs)
        # divided by the example's batch: a conv may be applied to more images than that (folded windows)
        inputs = seen.numel() // (spec.in_channels * batch)
        before, after = seen.shape[2:], output.shape[2:]
        if spec.is_linear:  # a map of one row, with a column for each token
            before = after = (1, inputs)
        if spec.position < 0:
            spec = replace(spec, input_size=tuple(before), output_size=tuple(after), position=called)
            called += 1
        rows = -len(spec.kernel_size)
        specs[conv] = replace(
            spec,
            input_positions=spec.input_positions + inputs,
            output_positions=spec.output_positions + output.numel() // (spec.out_channels * batch),
            row_positions=spec.row_positions + inputs // before[rows] * after[rows],
        )

    def on_linear(linear: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        nonlocal linear_macs
        linear_macs += output.numel() // batch * first_argument(args, kwargs).shape[-1]

    hooks = [module.register_forward_hook(on_conv, with_kwargs=True) for module in specs]
    linears = [module for module in model.modules() if isinstance(module, nn.Linear) and module not in specs]
    hooks += [linear.register_forward_hook(on_linear, with_kwargs=True) for linear in linears]
    counter = ConvolutionCounter()
    try:
        with evaluating(model), counter:
            call(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    of_modules = sum(spec.cost.macs for spec in specs.values() if "Transpose" not in spec.type and not spec.is_linear)
    last = len(specs)
    ordered = sorted(specs.values(), key=lambda spec: last if spec.position < 0 else spec.position)
    if layers == "conv+linear":
        ordered += attention_specs(model)
    return Trace(tuple(ordered), linear_macs + counter.macs // batch - of_modules, layers)


class ConvolutionCounter(TorchFunctionMode):
    """A context that counts the MACs of every convolution called in it, transposed ones excepted.

    Attributes
    ----------
    macs
        The sum so far, over all images of the batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        output = func(*args, **given)
        if func in CONVOLUTIONS:
            weight = args[1] if len(args) > 1 else given["weight"]
            self.macs += output.numel() * weight[0].numel()
        return output
