"""A linear layer in parts: equal blocks of its rows, each compressed on its own, such as query, key and value."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from ..contract.errors import require
from ..contract.layers import CompressedConv2d
from ..contract.rewrite import replace_module
from ..contract.settings.select import paths_in_short
from ..contract.soundness.carried import carry
from ..contract.spec import LINEAR, ConvSpec
from .forms import linear_with
from .layers import InPlaceOfLinear


class Concatenated(nn.ModuleList):
    """Modules of one input, their outputs side by side in the last dimension."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.cat([part(input) for part in self], dim=-1)


class SplitLinear(InPlaceOfLinear):
    """A linear layer as several side by side; the part ``0`` has the first rows of its weight.

    Parameters
    ----------
    linear
        The layer, whose values are copied.
    parts
        How many, a divisor of its output features.
    """

    def __init__(self, linear: nn.Linear, parts: int) -> None:
        super().__init__(ConvSpec.of(linear))
        for number in range(parts):
            self.add_module(str(number), copy.deepcopy(part_of(linear, number, parts)))

    @property
    def parts(self) -> list[nn.Module]:
        """The linear layers, or what stands for them."""
        return list(self.children())

    @property
    def linear(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether all parts are equal to linear layers."""
        return all(getattr(part, "linear", True) for part in self.parts)

    @property
    def bias(self) -> Tensor | None:
        biases = [part.bias for part in self.parts]
        return None if biases[0] is None else torch.cat(biases)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(x) for part in self.parts], dim=-1)

    def _compressed(self) -> list[CompressedConv2d]:
        return [part for part in self.parts if isinstance(part, CompressedConv2d)]

    def weight_tensors(self) -> Iterable[tuple[Tensor, int]]:
        for part in self.parts:
            if isinstance(part, CompressedConv2d):
                yield from part.weight_tensors()
            else:
                weight = next(part.parameters())
                yield weight, 8 * weight.element_size()

    def extra_bits(self) -> int:
        return sum(part.extra_bits() for part in self._compressed())

    def quantised_weights(self) -> int:
        return sum(part.quantised_weights() for part in self._compressed())

    def dense_weight(self) -> Tensor:
        """Return the weight ``(n, c)`` of the linear layer that all parts together are equal to; see the base class."""
        if not self.linear:
            return super().dense_weight()
        return torch.cat([part.weight for part in self.parts])  # pyright: ignore[reportArgumentType, reportCallIssue]

    def compact(self) -> nn.Module:
        parts = [part.compact() if isinstance(part, CompressedConv2d) else part for part in self.parts]
        return Concatenated(parts).train(self.training)


def part_of(linear: nn.Linear, number: int, parts: int) -> nn.Linear:
    """Return one of equal blocks of a linear layer's rows as a layer of its own, in the memory of the whole."""
    biases = [None] * parts if linear.bias is None else linear.bias.chunk(parts)
    part = linear_with(linear.weight.chunk(parts)[number], biases[number])
    part.weight.requires_grad_(linear.weight.requires_grad)
    if linear.bias is not None:
        part.bias.requires_grad_(linear.bias.requires_grad)
    return part.train(linear.training)


def chosen_split(specs: Sequence[ConvSpec], split: Mapping[str, int]) -> dict[str, int]:
    """Return the number of parts of each linear layer that a pattern of ``split`` matches, the last one counting.

    Raises
    ------
    SettingError
        A pattern that matches no linear layer, or a number of parts that does not divide one.
    """
    linears = [spec for spec in specs if spec.type == LINEAR]
    chosen: dict[str, int] = {}
    for pattern, parts in split.items():
        number = isinstance(parts, int) and not isinstance(parts, bool) and parts >= 1
        require(number, f"split: {pattern!r} is cut into a whole number of parts from 1, got {parts!r}")
        matched = [spec for spec in linears if fnmatchcase(spec.path, pattern)]
        require(bool(matched), f"split: {pattern!r} matches no linear layer; {paths_in_short(linears)}")
        for spec in matched:
            even = spec.out_channels % parts == 0
            require(even, f"split: {parts} parts do not divide the {spec.out_channels} outputs of {spec.path}")
            chosen[spec.path] = parts
    return chosen


def split_spec(spec: ConvSpec, parts: int) -> list[ConvSpec]:
    """Return the specs of a linear layer's parts, as they will be in the model; of one part, the spec itself."""
    if parts == 1:
        return [spec]
    return [
        replace(
            spec,
            path=f"{spec.path}.{number}",
            aliases=tuple(f"{alias}.{number}" for alias in spec.aliases),
            out_channels=spec.out_channels // parts,
        )
        for number in range(parts)
    ]


def split_linears(model: nn.Module, split: Mapping[str, int]) -> None:
    """Put a `SplitLinear` in the place of each layer of ``split``, under all its names.

    Raises
    ------
    ValueError
        There is no linear layer that can be split so; the model is then unchanged.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    for path, parts in split.items():
        linear = modules.get(path)
        if type(linear) is not nn.Linear or linear.out_features % parts:
            raise ValueError(f"the plan splits {path!r} into {parts}, which is no linear layer of the model to split")
    for path, parts in split.items():
        linear = modules[path]
        assert isinstance(linear, nn.Linear)
        new = SplitLinear(linear, parts).train(linear.training)
        carry(new, linear)
        for alias in [alias for alias, module in modules.items() if module is linear]:
            replace_module(model, alias, new)


def layer_at(model: nn.Module, path: str, split: Mapping[str, int]) -> nn.Module:
    """Return the module at ``path``; of a linear layer that is yet to be split, the part, in the memory of the whole.

    Raises
    ------
    AttributeError
        There is none.
    """
    whole, _, number = path.rpartition(".")
    if (parts := split.get(whole)) and isinstance(linear := model.get_submodule(whole), nn.Linear):
        return part_of(linear, int(number), parts)
    return model.get_submodule(path)


def layer_paths(spec: ConvSpec, split: Mapping[str, int]) -> list[str]:
    """Return the paths at which a compressed layer is found, under all its names; of a part, that of the whole."""
    paths = [spec.path, *spec.aliases]
    return [path.rpartition(".")[0] for path in paths] if spec.path.rpartition(".")[0] in split else paths
