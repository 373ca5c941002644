"""Everything about one convolution that its cost and its replacement depend on, traced once from an example input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from .cost import Cost
from .errors import require
from .trace import ConvolutionCounter


@dataclass(frozen=True)
class ConvSpec:
    """One convolution: its place in the model, its geometry, and how often it is applied.

    Attributes
    ----------
    path
        Module path, such as ``layer1.0.conv1``; ``aliases`` are further paths of the very same module.
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode, bias
        As in `torch.nn.Conv2d`; ``bias`` tells whether there is one.
    output_padding
        As in `torch.nn.ConvTranspose2d`; empty for other convolutions.
    input_size, output_size
        Spatial size at the first call; empty if the example's forward never called the layer.
    input_positions, output_positions
        Spatial positions per image, summed over all calls.
    row_positions
        The same for the output's rows and the input's columns: what lies between a ``kh×1`` and a ``1×kw`` convolution.
    position
        Rank of the first call in the forward pass, from 0; -1 if never called.
    type
        Class of the module. Only an exact ``Conv2d`` or ``ConvTranspose2d`` is known to compute nothing but that.
    shares_weight_with
        Path of an earlier convolution that holds the same weight, which is counted there; empty if there is none.
    """

    path: str
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]
    groups: int
    padding_mode: str
    bias: bool
    input_size: tuple[int, ...] = ()
    output_size: tuple[int, ...] = ()
    input_positions: int = 0
    output_positions: int = 0
    position: int = -1
    type: str = "Conv2d"
    aliases: tuple[str, ...] = ()
    shares_weight_with: str = ""
    row_positions: int = 0
    output_padding: tuple[int, ...] = ()

    @classmethod
    def of(cls, conv: _ConvNd, path: str = "") -> ConvSpec:
        """Return the spec of a convolution that no example has gone through yet."""
        exact = type(conv) in (nn.Conv2d, nn.ConvTranspose2d)
        return cls(
            path,
            conv.in_channels,
            conv.out_channels,
            tuple(conv.kernel_size),
            tuple(conv.stride),
            conv.padding if isinstance(conv.padding, str) else tuple(conv.padding),
            tuple(conv.dilation),
            conv.groups,
            conv.padding_mode,
            conv.bias is not None,
            type=type(conv).__name__ if exact else f"{type(conv).__module__}.{type(conv).__qualname__}",
            output_padding=tuple(conv.output_padding) if conv.transposed else (),
        )

    @property
    def kernel_area(self) -> int:
        """Elements of one 2-D kernel: ``kh * kw``."""
        area = 1
        for size in self.kernel_size:
            area *= size
        return area

    @property
    def fan_in(self) -> int:
        """Elements of one filter: ``c / groups * kh * kw``."""
        return self.in_channels // self.groups * self.kernel_area

    @property
    def weights(self) -> int:
        """Elements of the weight: ``n * c / groups * kh * kw``."""
        return self.out_channels * self.fan_in

    @property
    def positions(self) -> int:
        """How often each weight is applied per image: once per output position, or per input position if transposed."""
        return self.input_positions if "Transpose" in self.type else self.output_positions

    @property
    def cost(self) -> Cost:
        """Cost of the convolution as it is."""
        return Cost.of(0 if self.shares_weight_with else self.weights, self.weights * self.positions)

    def spatial_conv(self, in_channels: int, out_channels: int, *, groups: int = 1, bias: bool = False) -> nn.Conv2d:
        """Return a new conv with this one's kernel, stride, padding and dilation, and other channels."""
        geometry: dict[str, Any] = {
            name: getattr(self, name) for name in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
        }
        return nn.Conv2d(in_channels, out_channels, groups=groups, bias=bias, **geometry)

    def whole_conv(self, *, bias: bool) -> nn.Conv2d | nn.ConvTranspose2d:
        """Return a new convolution of this one's shape, a transposed one where it is."""
        if self.type != "ConvTranspose2d":
            return self.spatial_conv(self.in_channels, self.out_channels, groups=self.groups, bias=bias)
        names = ("kernel_size", "stride", "padding", "output_padding", "groups", "dilation")
        geometry: dict[str, Any] = {name: getattr(self, name) for name in names}
        return nn.ConvTranspose2d(self.in_channels, self.out_channels, bias=bias, **geometry)

    def transposed_size(self, size: Sequence[int]) -> list[int]:
        """Return the spatial size of a transposed convolution's output without output padding, from its input's."""
        return [
            (n - 1) * stride - 2 * int(padding) + dilation * (kernel - 1) + 1
            for n, stride, padding, dilation, kernel in zip(
                size, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a plain mapping."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ConvSpec:
        """Rebuild a spec from `to_json`, lists turned back into tuples."""
        values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in data.items()}
        return cls(**values)


def has_own_weight(conv: nn.Module) -> bool:
    """Return whether a convolution's weight is a parameter of it, and not what a hook computes from another."""
    return isinstance(conv._parameters.get("weight"), nn.Parameter)


@dataclass(frozen=True)
class Trace:
    """The convolutions of a model in the order of their first call, and the MACs per image that are not theirs.

    Attributes
    ----------
    specs
        Every convolution that is a module.
    linear_macs
        MACs of the linear layers, and of convolutions that no module holds.
    """

    specs: tuple[ConvSpec, ...]
    linear_macs: int

    @property
    def macs(self) -> int:
        """MACs per image of all convolutions and linear layers."""
        return sum(spec.cost.macs for spec in self.specs) + self.linear_macs


@contextmanager
def untouched_random_numbers() -> Iterator[None]:
    """Give torch's global generators their state back: building a layer draws starting weights from them."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put ``model`` in eval mode without gradients, and give every module its own mode back afterwards."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def call(model: nn.Module, example: Any) -> Any:
    """Apply ``model`` to an example, which is one tensor or a tuple of arguments."""
    return model(*example) if isinstance(example, tuple) else model(example)


def require_example(example: Any) -> None:
    """Raise `SettingError` unless ``example`` is an input that a model can be called with."""
    first = example[0] if isinstance(example, tuple) and example else example
    require(
        isinstance(first, Tensor),
        "the example is an input that the model accepts, such as torch.zeros(1, 3, 224, 224), or a tuple of arguments "
        f"whose first is one; got {example!r}",
    )


def first_argument(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Tensor:
    """Return the input of a module with one, as a hook sees it: ``conv(x)`` or ``conv(input=x)``."""
    return args[0] if args else next(iter(kwargs.values()))


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
    linear_macs = 0

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

    def on_linear(linear: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Tensor) -> None:
        nonlocal linear_macs
        linear_macs += output.numel() // batch * first_argument(args, kwargs).shape[-1]

    hooks = [module.register_forward_hook(on_conv, with_kwargs=True) for module in specs]
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    hooks += [linear.register_forward_hook(on_linear, with_kwargs=True) for linear in linears]
    counter = ConvolutionCounter()
    try:
        with evaluating(model), counter:
            call(model, example)
    finally:
        for hook in hooks:
            hook.remove()
    of_modules = sum(spec.cost.macs for spec in specs.values() if "Transpose" not in spec.type)
    last = len(specs)
    ordered = sorted(specs.values(), key=lambda spec: last if spec.position < 0 else spec.position)
    return Trace(tuple(ordered), linear_macs + counter.macs // batch - of_modules)
