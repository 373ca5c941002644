"""The values of an extra state: plain Python values and tensors, written as JSON without pickle."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...contract.errors import StorageError
from .state import require_storable


def encode(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Return a value as JSON has it; its tensors are put into ``tensors``, under names that start with ``name``.

    Numbers, texts and lists are themselves; all else is a mapping from its kind to its content.

    Raises
    ------
    StorageError
        If the value, or one in it, is of another kind.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        stored = name if name not in tensors else f"{name}/{len(tensors)}"
        require_storable(stored, value)
        tensors[stored] = value.detach().clone()
        return {"tensor": stored}
    if type(value) in (list, tuple):
        parts = [encode(part, f"{name}/{place}", tensors) for place, part in enumerate(value)]
        return parts if type(value) is list else {"tuple": parts}
    if type(value) is dict and not any(isinstance(key, Tensor | tuple) for key in value):
        return {
            "dict": [[encode(key, name, {}), encode(part, f"{name}/{key}", tensors)] for key, part in value.items()]
        }
    if type(value) is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    if type(value) is torch.Size:
        return {"size": list(value)}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    raise StorageError(
        f"{name} cannot be stored: it is a {type(value).__name__}, and not made of numbers, texts, bytes, tensors, "
        "lists, tuples and dicts"
    )


def decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return the value that `encode` has written.

    Raises
    ------
    KeyError, TypeError, ValueError, RuntimeError
        If it was not written by `encode`.
    """
    if isinstance(value, list):
        return [decode(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    match kind:
        case "tensor":
            return tensors[content]
        case "tuple":
            return tuple(decode(part, tensors) for part in content)
        case "dict":
            return {decode(key, tensors): decode(part, tensors) for key, part in content}
        case "bytes":
            return base64.b64decode(content)
        case "size":
            return torch.Size(content)
        case "dtype":
            return torch.empty(0, dtype=getattr(torch, content)).dtype
        case "device":
            return torch.device(content)
        case _:
            raise ValueError(f"there is no kind of value {kind!r}")
