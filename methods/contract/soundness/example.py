"""The form of an example: shapes and types of a forward pass's arguments, from which another example is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import MethodError


@dataclass(frozen=True)
class ExampleForm:
    """What an example looks like, without its values.

    Attributes
    ----------
    arguments
        For each argument of the forward pass ``(shape, dtype)`` of a tensor, such as ``((1, 3, 32, 32), "float32")``,
        or ``(None, value)`` of a number, a word, a truth value or None.
    """

    arguments: tuple[tuple[tuple[int, ...] | None, Any], ...]

    @classmethod
    def of(cls, example: Tensor | tuple[Any, ...]) -> ExampleForm | None:
        """Return the form of an input or a tuple of arguments; None if one is neither a tensor nor a plain value."""
        given = example if isinstance(example, tuple) else (example,)
        if not all(isinstance(argument, Tensor | int | float | str | None) for argument in given):
            return None
        return cls(
            tuple(
                (tuple(x.shape), str(x.dtype).removeprefix("torch.")) if isinstance(x, Tensor) else (None, x)
                for x in given
            )
        )

    def draw(self, generator: torch.Generator, device: torch.device) -> tuple[Any, ...]:
        """Return arguments of this form with values from ``generator``: normal, or zero where the type is not real."""
        return tuple(
            value if shape is None else _drawn(shape, getattr(torch, value), generator).to(device)
            for shape, value in self.arguments
        )

    def draw_for(self, model: nn.Module) -> tuple[Any, ...]:
        """Return arguments of this form on a model's device, and in its precision where it has none of theirs."""
        tensors = [*model.parameters(), *model.buffers()]
        device = tensors[0].device if tensors else torch.device("cpu")
        precisions = [tensor.dtype for tensor in tensors if tensor.is_floating_point()]

        def fitting(x: Any) -> Any:
            strange = isinstance(x, Tensor) and x.is_floating_point() and x.dtype not in precisions
            return x.to(precisions[0]) if strange and precisions else x

        return tuple(map(fitting, self.draw(torch.Generator().manual_seed(0), device)))

    def to_json(self) -> list[Any]:
        """Return the form as plain lists."""
        return [[None if shape is None else list(shape), value] for shape, value in self.arguments]

    @classmethod
    def from_json(cls, data: list[Any]) -> ExampleForm:
        """Rebuild a form from `to_json`."""
        try:
            return cls(tuple((None if shape is None else tuple(shape), value) for shape, value in data))
        except (TypeError, ValueError) as error:
            raise MethodError(f"an example's form is damaged: {data!r}") from error


def _drawn(shape: tuple[int, ...], dtype: torch.dtype, generator: torch.Generator) -> Tensor:
    if not dtype.is_floating_point:
        return torch.zeros(shape, dtype=dtype, device="cpu")
    return torch.randn(shape, generator=generator, device="cpu").to(dtype)
