"""Equivalence: whether a copy of a model computes what the model does, on random inputs that the check draws itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...contract.forward import call, device_of
from .copies import summary
from .inputs import cloned, mapped, own_inputs, random_numbers_of

BATCHES = 2
"""Batches of its own that a check looks at, of different scales."""
FLIPS = 1e-3
"""Share of whole numbers, and of values that are not finite, which rounding before an ``argmax`` may change."""


class Reference:
    """What a model puts out for random inputs.

    They have the types, devices and memory formats of the example (`own_inputs`). A batch that the model refuses, or
    for which no value it puts out is finite, does not count. Every pass starts from the same random numbers, so that a
    model that draws some can be compared, too.

    Parameters
    ----------
    model
        In eval mode. Running it may change its state: give a copy.
    example
        Input of the model, never changed.

    Attributes
    ----------
    refusal
        Why there is nothing to compare with; empty if there is.
    """

    def __init__(self, model: nn.Module, example: Any) -> None:
        self.refusal = ""
        self._passes: list[tuple[Any, Any]] = []
        for inputs in own_inputs(example):
            try:
                outputs = self._run(model, inputs, len(self._passes))
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # a model refuses inputs in as many ways as there are models
                self.refusal = self.refusal or summary(error)
                continue
            if _is_telling(outputs):
                self._passes.append((inputs, outputs))
            else:
                self.refusal = self.refusal or "no value of its output is finite"
            if len(self._passes) == BATCHES:
                break
        if self._passes:
            self.refusal = ""

    def difference(self, model: nn.Module, eps: float) -> str | None:
        """Say where the outputs of ``model``, a changed copy, first differ by more than rounding; None: nowhere.

        Parameters
        ----------
        model
            In eval mode. Running it may change its state: give a copy.
        eps
            Rounding unit of the least precise layers that were changed.
        """
        for number, (inputs, expected) in enumerate(self._passes):
            try:
                actual = self._run(model, inputs, number)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # what was changed may be missed anywhere
                return summary(error)
            if found := difference(actual, expected, eps):
                return found
        return None

    @staticmethod
    def _run(model: nn.Module, inputs: Any, number: int) -> Any:
        with torch.no_grad(), random_numbers_of(number, device_of(model)):
            return call(model, mapped(cloned, inputs))


def _is_telling(outputs: Any) -> bool:
    """Return whether some value is finite, or none could be otherwise."""
    tensors = [x for x in tensors_in(outputs) if x.numel() and (x.is_floating_point() or x.is_complex())]
    return not tensors or any(bool(plain(x).isfinite().any()) for x in tensors)


def tensors_in(value: Any, seen: frozenset[int] = frozenset()) -> Iterator[Tensor]:
    """Yield the tensors of a nest of containers and objects."""
    if isinstance(value, Tensor):
        yield value
    elif id(value) not in seen:
        for part in (_parts(value) or {}).values():
            yield from tensors_in(part, seen | {id(value)})


def difference(
    actual: Any, expected: Any, eps: float, name: str = "the output", seen: Iterable[int] = ()
) -> str | None:
    """Say where two outputs first differ by more than rounding; None: nowhere.

    Outputs are tensors of any type, numbers, texts, None, and containers and objects of such, as deep as they are.
    What is not a number must be so in both. Of objects that hold none of these only the class is compared.
    """
    if type(actual) is not type(expected):
        return f"{name} is a {type(actual).__name__} and not a {type(expected).__name__}"
    if isinstance(expected, Tensor):
        return _tensor_difference(actual, expected, eps, name)
    if isinstance(expected, float | complex):
        return _tensor_difference(torch.tensor(actual), torch.tensor(expected), eps, name)
    if isinstance(expected, int | str | bytes):
        return None if actual == expected else f"{name} is {actual!r} and not {expected!r}"
    parts, wanted = _parts(actual), _parts(expected)
    if wanted is None or parts is None or id(expected) in seen:
        return None
    if parts.keys() != wanted.keys():
        return f"{name} has the parts {list(parts)} and not {list(wanted)}"
    found = (difference(parts[key], wanted[key], eps, f"{name}[{key!r}]", {*seen, id(expected)}) for key in wanted)
    return next((one for one in found if one is not None), None)


def _parts(value: Any) -> dict[Any, Any] | None:
    """Return what a container or an object consists of; None: nothing that can be compared."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return dict(enumerate(value))
    if hasattr(value, "__array_interface__"):  # of numpy
        return {0: torch.as_tensor(value) if value.dtype.kind in "biufc" else value.tolist()}
    return vars(value) if hasattr(value, "__dict__") and not callable(value) else None


def plain(x: Tensor) -> Tensor:
    """Return the values of a quantised or sparse tensor as an ordinary one."""
    if x.is_quantized:
        return x.dequantize()
    return x.detach() if x.layout is torch.strided else x.detach().to_dense()


def _tensor_difference(actual: Tensor, expected: Tensor, eps: float, name: str) -> str | None:
    if expected.is_nested:
        return difference(list(actual.unbind()), list(expected.unbind()), eps, name)
    for what in ("shape", "dtype", "device", "layout"):
        one, other = getattr(actual, what), getattr(expected, what)
        if one != other:
            return f"the {what} of {name} is {one} and not {other}"
    actual, expected = plain(actual), plain(expected)
    if not (expected.is_floating_point() or expected.is_complex()):
        flips = float((actual != expected).double().mean()) if expected.numel() else 0.0
        return f"{name} differs in {100 * flips:.2g} % of its values" if flips > FLIPS else None
    tolerance = max(1e-4, 8 * max(eps, _rounding(expected)))
    wide = torch.complex128 if expected.is_complex() else torch.float64
    actual, expected = actual.to(wide), expected.to(wide)
    finite = actual.isfinite() & expected.isfinite()
    odd = ~finite & (actual != expected) & ~(actual.isnan() & expected.isnan())
    if odd.numel() and (share := float(odd.double().mean())) > FLIPS:
        return f"{100 * share:.2g} % of {name} is finite, or infinite, in one of the two only"
    actual, expected = actual[finite], expected[finite]
    far, size = float((actual - expected).norm()), float(expected.norm())
    if far <= tolerance * max(size, 1e-12):
        return None
    return f"{name} differs by {far / max(size, 1e-12):.2g} of its size, and {tolerance:.2g} is rounding"


def _rounding(x: Tensor) -> float:
    """Return the rounding unit of what computed a tensor: on a GPU it may have been TensorFloat-32."""
    coarse = x.is_cuda and x.dtype == torch.float32 and torch.backends.cudnn.allow_tf32
    return 2.0**-10 if coarse else torch.finfo(x.dtype).eps


def rounding_of(modules: Iterable[nn.Module]) -> float:
    """Return the largest rounding unit of the parameters of some modules, at least that of float64."""
    floats = (p.dtype for module in modules for p in module.parameters() if p.is_floating_point())
    return max((torch.finfo(dtype).eps for dtype in floats), default=torch.finfo(torch.float64).eps)
