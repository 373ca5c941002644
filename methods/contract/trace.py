"""The trace of a model: the spec of every convolution, and the MACs of the rest, from one forward pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..numerics.products import ProductCounter
from .forward import call, evaluating, first_argument, require_example
from .spec import ConvSpec


@dataclass(frozen=True)
class Trace:
    """The convolutions of a model in the order of their first call, and the MACs per image of everything else.

    Attributes
    ----------
    specs
        Every convolution that is a module.
    linear_macs
        MACs of all other matrix products: linear layers, attention, and convolutions that no module holds.
    """

    specs: tuple[ConvSpec, ...]
    linear_macs: int

    @property
    def macs(self) -> int:
        """MACs per image of all matrix products."""
        return sum(spec.cost.macs for spec in self.specs) + self.linear_macs


def trace(model: nn.Module, example: Tensor | tuple[Any, ...]) -> Trace:
    """Run ``example`` through ``model`` once and describe every convolution.

    Parameters
    ----------
    model
        Any module; its mode and its batch-norm statistics are left as they were.
    example
        An input batch, or a tuple of the forward's arguments whose first is the batch; counts are per image of it.

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
        if isinstance(module, _ConvNd):
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

    def on_conv(conv: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        nonlocal called
        spec = specs[conv]
        seen = first_argument(args, kwargs)
        if spec.position < 0:
            spec = replace(spec, input_size=tuple(seen.shape[2:]), output_size=tuple(output.shape[2:]), position=called)
            called += 1
        # divided by the example's batch: a conv may be applied to more images than that (folded windows)
        inputs = seen.numel() // (spec.in_channels * batch)
        rows = -len(spec.kernel_size)
        specs[conv] = replace(
            spec,
            input_positions=spec.input_positions + inputs,
            output_positions=spec.output_positions + output.numel() // (spec.out_channels * batch),
            row_positions=spec.row_positions + inputs // seen.shape[rows] * output.shape[rows],
        )

    hooks = [module.register_forward_hook(on_conv, with_kwargs=True) for module in specs]
    counter = ProductCounter()
    try:
        with evaluating(model), counter:
            call(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    of_modules = sum(spec.cost.macs for spec in specs.values())
    last = len(specs)
    ordered = sorted(specs.values(), key=lambda spec: last if spec.position < 0 else spec.position)
    return Trace(tuple(ordered), counter.macs // batch - of_modules)
