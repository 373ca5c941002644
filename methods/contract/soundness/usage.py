"""The use of weights in a forward pass: by their own layer, or by something else that a replacement would not reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..forward import first_argument
from .memory import Extent, extent, storage_id, tensors_in

_PROPERTIES = ("shape", "dtype", "device", "layout", "ndim", "requires_grad", "is_cuda", "is_meta", "is_leaf")
LOOKS: frozenset[Any] = frozenset(
    [getattr(Tensor, name).__get__ for name in _PROPERTIES]
    + [Tensor.size, Tensor.dim, Tensor.numel, Tensor.stride, Tensor.element_size, Tensor.get_device, Tensor.__len__]
    + [Tensor.is_floating_point, Tensor.is_complex, Tensor.is_contiguous, torch.is_floating_point, torch.is_complex]
    + [torch.numel, Tensor.new_zeros, Tensor.new_ones, Tensor.new_empty, Tensor.new_full, Tensor.new_tensor]
    + [torch.zeros_like, torch.ones_like, torch.empty_like, torch.rand_like, torch.randn_like]
)
"""Functions that look at a tensor's form and not at its values."""
MODELS: frozenset[Any] = frozenset([Tensor.to, Tensor.type_as, Tensor.view_as, Tensor.expand_as, Tensor.reshape_as])
"""Functions that look at the form of all arguments but the first."""


class Running(NamedTuple):
    """A layer whose forward is running, and what it was given."""

    path: str
    layer: nn.Module
    given: Tensor


class Usage(TorchFunctionMode):
    """A context that watches who uses the weights and biases of some layers.

    Parameters
    ----------
    layers
        Modules with a ``weight`` and a ``bias``, by path.

    Attributes
    ----------
    called
        Paths of the layers that were called.
    applied
        Paths of the layers whose own forward used their weight.
    outside
        By path and name, ``"weight"`` or ``"bias"``, of what was used outside the layer's forward: the first function
        that did.
    looked_at
        Paths of the layers of whose weight or bias anything was read outside, were it the dtype alone.
    running
        The layers whose forward has not ended, the innermost last; after an exception, those it went through.
    """

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.layers = layers
        self.called: set[str] = set()
        self.applied: set[str] = set()
        self.outside: dict[tuple[str, str], str] = {}
        self.looked_at: set[str] = set()
        self.running: list[Running] = []
        self._hooks: list[Any] = []
        self._own: dict[int, tuple[str, str]] = {}
        self._held: dict[int | None, list[tuple[Extent, tuple[str, str]]]] = {}
        for path, layer in layers.items():
            for name in ("weight", "bias"):
                tensor = layer._parameters.get(name)
                if tensor is not None and (where := extent(tensor)) is not None:
                    self._own[id(tensor)] = (path, name)
                    self._held.setdefault(storage_id(tensor), []).append((where, (path, name)))

    def __enter__(self) -> Usage:
        for path, layer in self.layers.items():
            # next to the layer's own forward: hooks of anyone else are outside
            self._hooks.append(layer.register_forward_pre_hook(self._entering(path), with_kwargs=True))
            self._hooks.append(layer.register_forward_hook(self._leaving(path), prepend=True))
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        for hook in self._hooks:
            hook.remove()

    def _entering(self, path: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        def enter(layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if layer is self.layers[path]:  # a replacement has the very hooks of its original
                self.called.add(path)
                self.running.append(Running(path, layer, first_argument(args, kwargs)))

        return enter

    def _leaving(self, path: str) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
        def leave(layer: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            # one whose failure the model took care of is still there, and is left with the one around it
            while layer is self.layers[path] and self.running and self.running.pop().layer is not layer:
                pass

        return leave

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        output = func(*args, **given)
        for place, value in enumerate((*args, *given.values())):
            for tensor in (value,) if isinstance(value, Tensor) else tensors_in(value):
                if (owner := self._owner(tensor)) is not None:
                    self._note(*owner, func, place)
        return output

    def _owner(self, tensor: Tensor) -> tuple[str, str] | None:
        """Return the path of the layer that holds a tensor's memory, and under which name."""
        if (own := self._own.get(id(tensor))) is not None:
            return own
        held = self._held.get(storage_id(tensor), ())
        if not held or (where := extent(tensor)) is None:
            return None
        return next((own for memory, own in held if memory.overlaps(where)), None)

    def _note(self, path: str, name: str, func: Callable[..., Any], place: int) -> None:
        if self.running and self.running[-1].path == path:
            if name == "weight":
                self.applied.add(path)
            return
        self.looked_at.add(path)
        if func not in LOOKS and not (place and func in MODELS):
            self.outside.setdefault((path, name), function_name(func))

    def obstacles(self) -> dict[str, str]:
        """Return, by path, why a layer cannot be replaced as far as this forward pass tells.

        A bias may be read: a replacement has one.
        """
        found = {
            path: f"its weight is used outside the layer, by {function} in the forward pass"
            for (path, name), function in self.outside.items()
            if name == "weight"
        }
        for path in self.called - self.applied:
            found.setdefault(path, "its forward does not use its weight: something else is put in its place")
        return found


def function_name(func: Callable[..., Any]) -> str:
    """Return the name of a function, or of the attribute of a tensor that it reads or sets."""
    name = getattr(func, "__name__", str(func))
    return getattr(func.__self__, "__name__", name) if name in ("__get__", "__set__") else name  # pyright: ignore[reportFunctionMemberAccess]
