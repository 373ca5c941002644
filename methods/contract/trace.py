"""The trace of a model: the spec of every convolution or linear layer, and the MACs of the rest, from one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..numerics.products import ProductCounter, elements
from .forward import evaluating, first_argument, require_example
from .layers import CompressedConv2d
from .soundness.memory import Extent, extent
from .soundness.models import require_plain
from .soundness.running import require_fit, run_example
from .soundness.usage import Usage
from .spec import ConvSpec, Layers, attention_specs


@dataclass(frozen=True)
class Trace:
    """The layers of a model in the order of their first call, and the MACs per image of everything else.

    Attributes
    ----------
    specs
        Every convolution that is a module, and where ``layers`` says so every linear layer.
    linear_macs
        MACs of all other matrix products: linear layers that are not in ``specs``, attention, and convolutions that no
        module holds.
    obstacles
        By path, why a layer cannot be replaced as far as the forward pass tells.
    looked_at
        Paths of the layers of whose weight or bias anything is read outside the layer.
    layers
        Which layers are in ``specs``.
    """

    specs: tuple[ConvSpec, ...]
    linear_macs: int
    obstacles: Mapping[str, str] = field(default_factory=dict)
    looked_at: frozenset[str] = frozenset()
    layers: Layers = "conv"

    @property
    def macs(self) -> int:
        """MACs per image of all matrix products."""
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
        If ``example`` is no input of the model, or the model's layers cannot be seen: it is compiled, scripted, …
    """
    require_plain(model)
    require_example(example)
    specs: dict[nn.Module, ConvSpec] = {}
    kinds = (_ConvNd, nn.Linear) if layers == "conv+linear" else (_ConvNd,)
    for path, module in model.named_modules(remove_duplicate=False):
        if isinstance(module, kinds) and not isinstance(module, CompressedConv2d):
            known = specs.get(module)
            specs[module] = (
                ConvSpec.of(module, path) if known is None else replace(known, aliases=(*known.aliases, path))
            )
    # kept: a computed one would else leave its place to the next
    weights: dict[nn.Module, Any] = {conv: conv.weight for conv in specs}
    devices = {conv: weight.device for conv, weight in weights.items()}
    holders: dict[Extent | int, str] = {}
    for conv, spec in specs.items():
        holder = holders.setdefault(extent(weights[conv]) or id(weights[conv]), spec.path)
        if holder != spec.path:
            specs[conv] = replace(spec, shares_weight_with=holder)
    batch = (example[0] if isinstance(example, tuple) else example).shape[0]
    called = 0

    def on_conv(conv: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        nonlocal called
        spec = specs[conv]
        seen = first_argument(args, kwargs)
        if not spec.is_linear:
            require_fit(example, spec, devices[conv], seen)
        rows = -len(spec.kernel_size)
        inputs = elements(seen) // spec.in_channels
        before, after = tuple(seen.shape[rows:]), tuple(output.shape[rows:])
        if spec.is_linear:  # a map of one row, with a column for each token
            before = after = (1, inputs // batch)
        if spec.position < 0:
            spec = replace(spec, input_size=before, output_size=after, position=called)
            called += 1
        specs[conv] = replace(
            spec,
            input_positions=spec.input_positions + inputs,
            output_positions=spec.output_positions + elements(output) // spec.out_channels,
            row_positions=spec.row_positions + inputs // before[rows] * after[rows],
        )

    # before anyone else's hook: that may change the output
    hooks = [module.register_forward_hook(on_conv, with_kwargs=True, prepend=True) for module in specs]
    counter = ProductCounter()
    usage = Usage({spec.path: conv for conv, spec in specs.items()})
    try:
        with evaluating(model), counter, usage:
            run_example(model, example, usage.running)
    finally:
        for hook in hooks:
            hook.remove()
    specs = {conv: per_image(spec, batch) for conv, spec in specs.items()}
    of_modules = sum(spec.cost.macs for spec in specs.values())
    last = len(specs)
    ordered = sorted(specs.values(), key=lambda spec: last if spec.position < 0 else spec.position)
    if layers == "conv+linear":
        ordered += attention_specs(model)
    rest = counter.macs // batch - of_modules
    return Trace(tuple(ordered), rest, usage.obstacles(), frozenset(usage.looked_at), layers)


def per_image(spec: ConvSpec, batch: int) -> ConvSpec:
    """Return a spec whose positions were summed over a batch; a conv may be applied to more images (folded windows)."""
    return replace(
        spec,
        input_positions=spec.input_positions // batch,
        output_positions=spec.output_positions // batch,
        row_positions=spec.row_positions // batch,
    )
