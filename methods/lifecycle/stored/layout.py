"""The layout of tensors: which of them lie in the same memory, and in what strides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ...contract.errors import StorageError
from ...contract.rewrite import is_channels_last
from .state import DTYPES

MEMORY = "/memory"
"""The end of the name of memory that no tensor covers."""


@dataclass
class Layout:
    """Tensors as a file holds them, contiguous and apart, and what is needed to lay them out as they were.

    Attributes
    ----------
    tensors
        What is stored, by name. Where several tensors overlap and none covers all of their memory, that memory is
        stored under the name of the first and ``/memory``.
    aliases
        Further names of a tensor, with its first.
    channels_last
        Names of tensors in that format.
    strides
        The strides of other tensors that are not contiguous.
    views
        The tensors that lie in the memory of another: its name, their first element there, shape, strides and type.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    channels_last: list[str] = field(default_factory=list)
    strides: dict[str, list[int]] = field(default_factory=dict)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Layout:
        """Return the layout of tensors that `require_storable` lets pass."""
        layout, first = cls(), dict[int, str]()
        for name, tensor in tensors.items():
            if (known := first.setdefault(id(tensor), name)) != name:
                layout.aliases[name] = known
        for cluster in clusters({name: tensors[name].detach() for name in first.values()}):
            (name, tensor), *others = cluster.items()
            if not others and is_apart(tensor):
                layout._add(name, tensor)
            else:
                layout._add_views(cluster)
        return layout

    def _add(self, name: str, tensor: Tensor) -> None:
        if is_channels_last(tensor):
            self.channels_last.append(name)
        elif tensor.numel() and tensor.stride() != _contiguous(tensor.shape):
            self.strides[name] = list(tensor.stride())
        self.tensors[name] = tensor.resolve_conj().resolve_neg().contiguous().cpu()

    def _add_views(self, together: Mapping[str, Tensor]) -> None:
        for name, tensor in together.items():
            if tensor.is_conj() or tensor.is_neg():
                raise StorageError(f"{name} is computed from other memory as it is read: replace it by its .clone()")
            first = next(iter(together.values())).untyped_storage().data_ptr()
            if tensor.untyped_storage().data_ptr() != first:
                raise StorageError(f"{name} lies in memory that torch does not know to be shared with "
                                   f"{next(iter(together))}")  # fmt: skip
        parts = list(together.values())
        low, high = min(tensor.data_ptr() for tensor in parts), max(map(_end, parts))
        types = {tensor.dtype for tensor in parts}
        whole = [n for n, t in together.items() if (t.data_ptr(), _end(t)) == (low, high) and t.is_contiguous()]
        if whole and len(types) == 1:
            of, memory = whole[0], together[whole[0]]
        else:
            of, start = f"{next(iter(together))}{MEMORY}", parts[0].untyped_storage().data_ptr()
            low -= (low - start) % 16  # a multiple of the size of every type
            memory = _typed(parts[0], torch.uint8 if len(types) > 1 else parts[0].dtype, low - start, high - start)
        self.tensors[of] = memory.contiguous().cpu()
        for name, tensor in together.items():
            if name != of:
                self.views[name] = {
                    "of": of,
                    "offset": (tensor.data_ptr() - low) // tensor.element_size(),
                    "shape": list(tensor.shape),
                    "stride": list(tensor.stride()),
                    "dtype": str(tensor.dtype).removeprefix("torch."),
                }

    def laid_out(self, devices: Mapping[str, torch.device]) -> dict[str, Tensor]:
        """Return the tensors as they were; those in one memory are on the device of the first of them.

        Parameters
        ----------
        devices
            Where each tensor goes.

        Raises
        ------
        RuntimeError, KeyError, TypeError, ValueError
            If the layout does not fit the tensors.
        """
        memories = {view["of"] for view in self.views.values()}
        made: dict[str, Tensor] = {}
        placed: dict[str, Tensor] = {}
        for name, device in devices.items():
            name_of = self.aliases.get(name, name)
            if (view := self.views.get(name_of)) is not None:
                of = view["of"]
                if of not in placed:
                    placed[of] = self.tensors[of].to(device, copy=True)
                made[name] = _view(placed[of], view)
            elif name_of in memories:
                made[name] = placed.setdefault(name_of, self.tensors[name_of].to(device, copy=True))
            else:
                if name_of not in placed:
                    placed[name_of] = self._in_strides(name_of, self.tensors[name_of].to(device))
                made[name] = placed[name_of]
        return made

    def _in_strides(self, name: str, tensor: Tensor) -> Tensor:
        if name in self.channels_last:
            return tensor.contiguous(memory_format=torch.channels_last)
        if (stride := self.strides.get(name)) is None:
            return tensor
        return torch.empty_strided(tensor.shape, stride, dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def clusters(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return the tensors in groups: in one group are those whose memory, from first to last element, overlaps."""
    found: list[dict[str, Tensor]] = []
    device, end = None, 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (str(item[1].device), item[1].data_ptr())):
        if tensor.numel() == 0:
            found.append({name: tensor})
        elif tensor.device == device and tensor.data_ptr() < end:
            found[-1][name] = tensor
            end = max(end, _end(tensor))
        else:
            found.append({name: tensor})
            device, end = tensor.device, _end(tensor)
    order = {name: place for place, name in enumerate(tensors)}
    return [dict(sorted(group.items(), key=lambda item: order[item[0]])) for group in found]


def is_apart(tensor: Tensor) -> bool:
    """Return whether no two elements of a tensor are known to lie in the same place."""
    span = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size > 1:
            if stride < span:
                return False
            span = stride * (size - 1) + span
    return True


def _end(tensor: Tensor) -> int:
    """Return the address behind a tensor's last element."""
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.data_ptr() + (last + 1) * tensor.element_size()


def _contiguous(shape: Sequence[int]) -> tuple[int, ...]:
    return torch.empty(tuple(shape), device="meta").stride()


def _typed(tensor: Tensor, dtype: torch.dtype, start: int, end: int) -> Tensor:
    """Return the bytes from ``start`` to ``end`` of a tensor's memory as a row of numbers."""
    size = dtype.itemsize
    row = torch.empty(0, dtype=dtype, device=tensor.device)
    return row.set_(tensor.untyped_storage(), start // size, ((end - start) // size,), (1,))


def _view(memory: Tensor, view: Mapping[str, Any]) -> Tensor:
    new = torch.empty(0, dtype=DTYPES[view["dtype"]], device=memory.device)
    shape, stride, offset = tuple(view["shape"]), tuple(view["stride"]), view["offset"]
    last = offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if min(offset, *shape, *stride) < 0 or (last + 1) * new.element_size() > memory.nbytes:
        raise ValueError(f"a view of {shape} in strides of {stride} does not lie in {memory.nbytes} bytes")
    return new.set_(memory.untyped_storage(), offset, shape, stride)
