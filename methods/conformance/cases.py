"""The convolutions and linear layers that a method is checked on.

The values below have some 7,000 allowed combinations. Of these are taken:

* 3×3 kernels in one group: every *pair* of values of stride, padding, dilation, padding mode, bias and channels meets;
* every other kernel in one group: every value of the others appears;
* 4 groups and depthwise: every value of the others, kernels included, appears;
* transposed convolutions: every value that they can have appears;
* linear layers: bias, channels and the number of dimensions of the input.

So no pair is lost for a method that skips grouped convolutions or 1×1 kernels.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ..contract.cost import Skip
from ..contract.method import Method
from ..contract.spec import Layers
from ..plan.plan import Plan
from .compressing import plan_lone_conv, randomise
from .covering import Combination, covering
from .failure import NotApplicable

KERNELS = ((3, 3), (1, 1), (5, 5), (7, 7), (1, 7), (7, 1))
STRIDES = (1, 2, (2, 1))
PADDINGS = (1, 0, (2, 1), "same", "valid")
DILATIONS = (1, 2)
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")
BIASES = (True, False)
# c < n, c > n, both odd and prime, one input channel, one output channel
CHANNELS = {1: ((8, 12), (16, 6), (7, 13), (1, 6), (6, 1)), 4: ((8, 12), (16, 8)), "depthwise": ((7, 7), (6, 12))}
GROUPINGS = (4, "depthwise")
HALF_PRECISION = torch.bfloat16
SIZE = (15, 14)
"""Height and width of the inputs, large enough for a 7×7 kernel with dilation 2 and without padding."""


@dataclass(frozen=True)
class ConvCase:
    """One convolution, or linear layer, with its input, to be compressed alone.

    Attributes
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups, padding_mode, bias
        As in `torch.nn.Conv2d`.
    dtype, device
        Of weights and input.
    transposed
        Whether it is a `torch.nn.ConvTranspose2d`, which few methods express.
    linear
        Dimensions of the input of a `torch.nn.Linear`, 2 to 4, if that is what it is: it has channels and bias alone.
    """

    in_channels: int = 8
    out_channels: int = 12
    kernel_size: tuple[int, int] = (3, 3)
    stride: int | tuple[int, int] = 1
    padding: int | tuple[int, int] | str = 1
    dilation: int = 1
    groups: int = 1
    padding_mode: str = "zeros"
    bias: bool = True
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    transposed: bool = False
    linear: int | None = None

    @property
    def layers(self) -> Layers:
        """What a plan has to be about."""
        return "conv" if self.linear is None else "conv+linear"

    def conv(self, seed: int = 0) -> nn.Conv2d | nn.ConvTranspose2d | nn.Linear:
        """Return the layer with weights that follow from ``seed``."""
        if self.linear is not None:
            linear = nn.Linear(self.in_channels, self.out_channels, bias=self.bias)
            randomise(linear, seed)
            return linear.to(self.device, self.dtype)
        geometry: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("kernel_size", "stride", "padding", "dilation", "groups", "padding_mode", "bias")
        }
        kind = nn.ConvTranspose2d if self.transposed else nn.Conv2d
        conv = kind(self.in_channels, self.out_channels, **geometry)
        randomise(conv, seed)
        return conv.to(self.device, self.dtype)

    def model(self, seed: int = 0) -> nn.Sequential:
        """Return a model of this convolution alone, in eval mode; its path is ``0``."""
        return nn.Sequential(self.conv(seed)).eval()

    def example(self, batch: int = 2, size: tuple[int, int] = SIZE) -> Tensor:
        """Return an input ``(batch, c, height, width)``, of a linear layer ``(batch, …, c)``."""
        generator = torch.Generator().manual_seed(1)
        shape = (batch, self.in_channels, *size)
        if self.linear is not None:
            shape = (batch, *size[: self.linear - 2], self.in_channels)
        return torch.randn(shape, generator=generator).to(self.device, self.dtype)

    def plan(self, method: Method) -> Plan:
        """Return the plan that compresses the convolution whether or not it gets smaller.

        Raises
        ------
        NotApplicable
            If the method skips it, with the method's reason.
        """
        made = plan_lone_conv(method, self)
        if isinstance(made, Skip):
            raise NotApplicable(made.reason)
        return made

    def __str__(self) -> str:
        if self.linear is not None:
            parts = [f"{self.in_channels}→{self.out_channels}", f"{self.linear} dimensions"]
            parts += [] if self.bias else ["no bias"]
            return "linear layer " + ", ".join([*parts, *self._where()])
        kernel = "×".join(map(str, self.kernel_size))
        parts = [f"{self.in_channels}→{self.out_channels} {kernel}", f"padding {self.padding}"]
        parts += [f"stride {self.stride}"] if self.stride != 1 else []
        parts += [f"dilation {self.dilation}"] if self.dilation != 1 else []
        parts += [f"{self.groups} groups"] if self.groups != 1 else []
        parts += [self.padding_mode] if self.padding_mode != "zeros" else []
        parts += [] if self.bias else ["no bias"]
        return ("transposed conv " if self.transposed else "conv ") + ", ".join([*parts, *self._where()])

    def _where(self) -> list[str]:
        parts = [str(self.dtype).removeprefix("torch.")] if self.dtype != torch.float32 else []
        return [*parts, *([self.device] if self.device != "cpu" else [])]


def _combinations(kernels: tuple[Any, ...], groups: Any) -> list[Combination]:
    """Return all allowed combinations: kernel, stride, padding, dilation, padding mode, bias, channels, groups."""
    product = itertools.product(
        kernels, STRIDES, PADDINGS, DILATIONS, PADDING_MODES, BIASES, CHANNELS[groups], (groups,)
    )
    # torch has no "same" with a stride; a padding mode shows where there is padding only
    return [
        combination
        for combination in product
        if not (combination[2] == "same" and combination[1] != 1)
        and not (combination[4] != "zeros" and combination[2] in (0, "valid"))
    ]


def _case(combination: Combination) -> ConvCase:
    kernel, stride, padding, dilation, mode, bias, (c, n), groups = combination  # pyright: ignore[reportGeneralTypeIssues]
    values: Any = (c, n, kernel, stride, padding, dilation, c if groups == "depthwise" else groups, mode, bias)
    return ConvCase(*values)


@cache
def conv_cases() -> tuple[ConvCase, ...]:
    """Return the whole list, in float32."""
    chosen = covering(_combinations(KERNELS[:1], 1), strength=2)
    for kernel in KERNELS[1:]:
        chosen += covering(_combinations((kernel,), 1), strength=1)
    for groups in GROUPINGS:
        chosen += covering(_combinations(KERNELS, groups), strength=1)
    return (*map(_case, chosen), *_transposed_cases(), *_linear_cases())


def _linear_cases() -> list[ConvCase]:
    """Return linear layers of all channels, with and without bias, for inputs of 2 to 4 dimensions."""
    shapes = [ConvCase(c, n, bias=bias, linear=3) for (c, n), bias in zip(CHANNELS[1], itertools.cycle(BIASES))]
    return [*shapes, ConvCase(8, 12, linear=2), ConvCase(16, 6, bias=False, linear=4)]


def _transposed_cases() -> list[ConvCase]:
    """Return a few transposed convolutions, in which every value appears that they can have."""
    combinations = [
        combination
        for groups in (1, 4)
        for combination in _combinations(KERNELS[:3], groups)
        if not isinstance(combination[2], str) and combination[4] == "zeros"
    ]
    return [replace(_case(combination), transposed=True) for combination in covering(combinations, strength=1)]


@cache
def few_conv_cases() -> tuple[ConvCase, ...]:
    """Return a short list, in float32: every value with a 3×3 kernel, every other kernel and grouping at least once."""
    chosen = covering(_combinations(KERNELS[:1], 1), strength=1)
    chosen += covering(_combinations(KERNELS[1:], 1), strength=1)
    chosen += [_combinations(KERNELS, groups)[0] for groups in GROUPINGS]
    return (*map(_case, chosen), *_linear_cases()[::3])


def compiled_cases() -> tuple[ConvCase, ...]:
    """Return the few for what takes a tenth of a second: a plain convolution, one with odd padding, a linear layer."""
    odd = ConvCase(16, 6, stride=2, padding=(2, 1), padding_mode="reflect", bias=False)
    return (ConvCase(), odd, ConvCase(16, 12, linear=3))


@cache
def precision_cases() -> tuple[ConvCase, ...]:
    """Return half of the short list in float64 and bfloat16, and on a GPU where there is one."""
    few = few_conv_cases()[::2]
    cases = [replace(case, dtype=dtype) for case in few for dtype in (torch.float64, HALF_PRECISION)]
    if torch.cuda.is_available():
        cases += [replace(case, device="cuda") for case in few]
    return tuple(cases)


def plain_cases() -> Iterator[ConvCase]:
    """Yield the 3×3 convolutions in one group, which every method should be able to compress."""
    plain = (case for case in conv_cases() if case.linear is None and not case.transposed)
    return (case for case in plain if case.kernel_size == (3, 3) and case.groups == 1)
