"""The memory of tensors: where it lies, and which tensors of a model lie in the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

_MODULE = frozenset(vars(nn.Module()))
"""Attributes that every module has."""


class Extent(NamedTuple):
    """The bytes between a tensor's first element and its last, in one memory."""

    memory: Any
    start: int
    end: int

    def overlaps(self, other: Extent) -> bool:
        """Return whether some bytes may be in both; tensors that are interleaved count as overlapping."""
        return self.memory == other.memory and self.start < other.end and other.start < self.end


def extent(tensor: Tensor) -> Extent | None:
    """Return where a tensor lies; None if it is empty or has no memory of its own, as sparse and wrapped ones have."""
    if not tensor.numel():
        return None
    try:
        storage = tensor.untyped_storage()
        offset = int(tensor.storage_offset())
    except (RuntimeError, NotImplementedError):
        return None
    # without memory there are no addresses: then it is the storage itself that tells
    meta = storage.device.type == "meta"
    memory, start = (storage._cdata, 0) if meta else (storage.device, storage.data_ptr())
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    size = tensor.element_size()
    return Extent(memory, start + offset * size, start + (offset + last + 1) * size)


def storage_id(tensor: Tensor) -> int | None:
    """Return a number that tells a tensor's storage from others as long as both are alive; None if it has none."""
    try:
        return tensor.untyped_storage()._cdata
    except (RuntimeError, NotImplementedError):
        return None


class _Held(NamedTuple):
    """A tensor that a module holds under some name."""

    where: Extent
    module: nn.Module
    attribute: str
    path: str


def shared_memory(model: nn.Module, layers: Mapping[str, nn.Module]) -> dict[str, str]:
    """Return, by the path of a layer whose weight or bias something else holds as well, a clause that names it.

    Parameters
    ----------
    model
        The model: its parameters, its buffers and the tensors that modules keep as plain attributes are compared.
    layers
        Modules of the model by path.
    """
    paths = {layer: path for path, layer in layers.items()}
    found: dict[str, str] = {}
    reaching: list[_Held] = []
    for held in sorted(_held(model), key=lambda held: (str(held.where.memory), held.where.start)):
        reaching = [other for other in reaching if other.where.overlaps(held.where)]
        for other in reaching:
            if (held.module, held.attribute) != (other.module, other.attribute):
                for mine, theirs in ((held, other), (other, held)):
                    if mine.module in paths and mine.attribute in ("weight", "bias"):
                        found.setdefault(paths[mine.module], f"its {mine.attribute} is also {theirs.path!r}")
        reaching.append(held)
    return found


def _held(model: nn.Module) -> Iterator[_Held]:
    """Yield every tensor that a module of ``model`` holds, once for each attribute."""
    for path, module in model.named_modules():
        prefix = f"{path}." if path else ""
        plain = {name: value for name, value in vars(module).items() if name not in _MODULE}
        for name, value in {**plain, **module._parameters, **module._buffers}.items():
            for tensor in tensors_in(value):
                if (where := extent(tensor)) is not None:
                    yield _Held(where, module, name, f"{prefix}{name}")


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield a value that is a tensor, or the tensors of one that is a list, a tuple or a mapping."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        yield from (one for one in value if isinstance(one, Tensor))
    elif isinstance(value, dict):
        yield from (one for one in value.values() if isinstance(one, Tensor))
