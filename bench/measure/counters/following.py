"""Following: which tensors of a forward pass depend on the input, and what the others were made from."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any, Generic, TypeVar

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Label = TypeVar("Label")


class Following(TorchDispatchMode, Generic[Label]):
    """A context that follows labelled tensors by their storage through views, casts and computations.

    What is computed from tensors that do not depend on the input has the labels of all of them. What depends on the
    input has none.

    Parameters
    ----------
    example
        The input, whose tensors are the first that depend on it.
    whole
        Operations that are seen as they are; others are taken apart where torch can, as its own counter does it.
    """

    def __init__(self, example: Any, whole: Container[Any]) -> None:
        super().__init__()
        self.whole = whole
        # a storage that is known weakly keeps its address to itself even when it is freed
        self._known: dict[int, StorageWeakRef] = {}
        self._labels: dict[int, frozenset[Label]] = {}
        self._dependent = {self.storage(tensor) for tensor in tensors_in(example)}

    def see(self, func: Any, args: Any, kwargs: Any, output: Any, labels: frozenset[Label], dependent: bool) -> None:
        """Take note of an operation, before its output is labelled.

        Parameters
        ----------
        labels
            Of all that it was given and that does not depend on the input.
        dependent
            Whether something else that it was given does.
        """
        raise NotImplementedError

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket not in self.whole:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        output = func(*args, **kwargs)
        given = list(tensors_in((args, kwargs)))
        labels, dependent = self.labels(given), any(map(self.depends, given))
        self.see(func, args, kwargs, output, labels, dependent)
        for tensor in tensors_in(output):
            if dependent:
                self._dependent.add(self.storage(tensor))
            elif labels:
                self.label(tensor, labels)
        return output

    def depends(self, tensor: Tensor) -> bool:
        """Return whether a tensor depends on the input."""
        return self.storage(tensor) in self._dependent

    def labels(self, tensors: list[Tensor]) -> frozenset[Label]:
        """Return the labels of tensors, of which those that depend on the input have none."""
        storages = (self.storage(tensor) for tensor in tensors if not self.depends(tensor))
        return frozenset[Label]().union(*(self._labels.get(storage, ()) for storage in storages))

    def label(self, tensor: Tensor, labels: frozenset[Label]) -> None:
        """Add labels to a tensor and all that shares its storage."""
        storage = self.storage(tensor)
        self._labels[storage] = self._labels.get(storage, frozenset()) | labels

    def storage(self, tensor: Tensor) -> int:
        """Return what tells a tensor's storage from all others that there are and were."""
        reference = StorageWeakRef(tensor.untyped_storage())
        self._known.setdefault(reference.cdata, reference)
        return reference.cdata


def tensors_in(values: Any) -> Iterator[Tensor]:
    """Yield the tensors in nested lists, tuples and mappings."""
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def operation_name(func: Any) -> str:
    """Return ``aten::convolution`` for the overload ``aten.convolution.default``."""
    return func.name().partition(".")[0]
