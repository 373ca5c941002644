"""The restoring of a state: the tensors of a file are put into a model that has been built, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from ...contract.errors import StorageError
from .layout import MEMORY, Layout, clusters, is_apart
from .state import State, convert_computed, require_storable, state_of
from .values import decode


def restore(model: nn.Module, layout: Layout, metadata: Mapping[str, Any]) -> None:
    """Give a model the state in a file.

    Parameters
    ----------
    model
        Built, and with layers of the plan's structure.
    layout
        The tensors of the file.
    metadata
        The rest of it: ``extra``, ``frozen`` and ``computed``, where there are any.

    Raises
    ------
    StorageError
        If the model does not have these tensors.
    KeyError, TypeError, ValueError, RuntimeError
        If the file is damaged.
    """
    extra: dict[str, Any] = metadata.get("extra", {})
    of_extra = _tensors_of(extra.values())
    memories = {view["of"] for view in layout.views.values() if view["of"].endswith(MEMORY)}
    wanted = {*layout.tensors, *layout.aliases, *layout.views} - memories - of_extra
    state = state_of(model)
    if state.tensors.keys() != wanted:
        state = _as_renamed(model, state, wanted)
    _require_names(state, wanted | extra.keys())
    for name, tensor in state.tensors.items():
        if is_lazy(tensor):
            raise StorageError(f"{name} has no size yet: call the model once before its state is loaded")
        require_storable(name, tensor)
    _share(state, layout)
    devices = {name: tensor.device for name, tensor in state.tensors.items()}
    made = layout.laid_out(devices)
    _require_shapes(state.tensors, made)
    _assign(state.tensors, made)
    convert_computed(model, metadata.get("computed", {}))
    frozen = metadata.get("frozen")
    for name, tensor in state.tensors.items():
        if frozen is not None and isinstance(tensor, nn.Parameter) and tensor.is_floating_point():
            tensor.requires_grad_(name not in frozen)
    _renew(model, state)
    held = layout.laid_out(dict.fromkeys(of_extra, torch.device("cpu")))
    for name, module in state.extra.items():
        try:
            module.set_extra_state(decode(extra[name], held))
        except Exception as error:  # it is the module's own
            raise StorageError(f"{name} is refused by its {type(module).__name__}: {error!r}") from error


def _tensors_of(extra: Iterable[Any]) -> set[str]:
    """Return the names of the tensors in encoded extra states."""
    found: set[str] = set()
    for value in extra:
        if isinstance(value, list):
            found |= _tensors_of(value)
        elif isinstance(value, dict):
            found |= {value["tensor"]} if "tensor" in value else _tensors_of(value.values())
    return found


def _as_renamed(model: nn.Module, state: State, wanted: set[str]) -> State:
    """Return the state under the names of ``state_dict()``, as the first files have it, where those are the wanted."""
    own = {id(tensor): name for name, tensor in state.tensors.items()}
    renamed = {name: own.get(id(tensor)) for name, tensor in model.state_dict(keep_vars=True).items()}
    if renamed.keys() != wanted or None in renamed.values():
        return state
    known = [(name, old) for name, old in renamed.items() if old is not None]
    return State(
        {name: state.tensors[old] for name, old in known},
        {name: state.holders[old] for name, old in known},
    )


def _require_names(state: State, wanted: set[str]) -> None:
    own = state.tensors.keys() | state.extra.keys()
    _refuse({"missing": sorted(own - wanted), "unexpected": sorted(wanted - own)})


def _require_shapes(own: Mapping[str, Tensor], made: Mapping[str, Tensor]) -> None:
    wrong = [
        f"{name} is {tuple(made[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in sorted(own.items())
        if made[name].shape != tensor.shape
    ]
    _refuse({"of another shape": wrong})


def _refuse(found: Mapping[str, list[str]]) -> None:
    parts = [
        f"{what}: {', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
        for what, names in found.items()
        if names
    ]
    if parts:
        raise StorageError("; ".join(parts))


def _share(state: State, layout: Layout) -> None:
    """Let names hold one tensor where they do in the file, and different ones where they do not."""
    taken: dict[int, str] = {}
    for name, tensor in list(state.tensors.items()):
        first = layout.aliases.get(name, name)
        if first == name and (other := taken.setdefault(id(tensor), name)) != name:
            if state.holders[name] == state.holders[other]:
                raise StorageError(f"{name} and {other} are one in the model, and two in the file")
            apart = tensor.detach().clone()
            _put(state, name, nn.Parameter(apart) if isinstance(tensor, nn.Parameter) else apart)
    for name, first in layout.aliases.items():
        own, other = state.tensors[name], state.tensors[first]
        if own is not other and isinstance(own, nn.Parameter) == isinstance(other, nn.Parameter):
            _put(state, name, other)


def _put(state: State, name: str, tensor: Tensor) -> None:
    module, attribute = state.holders[name]
    setattr(module, attribute, tensor)
    state.tensors[name] = tensor


def _assign(own: Mapping[str, Tensor], made: Mapping[str, Tensor]) -> None:
    """Set the model's tensors to those that were made.

    Values are copied where the memory is as in the file, so that what else reads it, such as a view that a module keeps
    by itself, sees them. Otherwise the tensors get the memory that was made.
    """
    objects: dict[int, str] = {}
    for name, tensor in own.items():
        objects.setdefault(id(tensor), name)
    first = {name: own[name].detach() for name in objects.values()}
    alike = _arrangements({name: made[name] for name in first}) & _arrangements(first)
    together = {name: arrangement for arrangement in alike for name, *_ in arrangement}
    for name, tensor in first.items():
        new = made[name]
        if name in together and is_apart(tensor) and not tensor.is_inference():
            tensor.copy_(new)
        elif isinstance(own[name], nn.Parameter) and not (new.is_floating_point() or new.is_complex()):
            own[name].requires_grad_(False).data = new
        else:
            own[name].data = new


def _arrangements(tensors: Mapping[str, Tensor]) -> set[tuple[Any, ...]]:
    """Return how the tensors of each group in one memory lie there."""
    found: set[tuple[Any, ...]] = set()
    for cluster in clusters(tensors):
        start = min(tensor.data_ptr() for tensor in cluster.values())
        found.add(tuple(
            (name, tensor.data_ptr() - start, tensor.stride(), tensor.dtype, tensor.device)
            for name, tensor in cluster.items()
        ))  # fmt: skip
    return found


def _renew(model: nn.Module, state: State) -> None:
    """Let modules that derive something from their tensors, or wish to know of a load, see their state loaded.

    Raises
    ------
    StorageError
        If that changes a tensor, or fails.
    """
    if not any(map(_takes_part, model.modules())):
        return
    before = {name: tensor.detach().clone() for name, tensor in state.tensors.items()}
    given = {
        name: value
        for name, value in model.state_dict().items()
        if isinstance(value, Tensor) and is_apart(value) and name not in state.extra
    }
    try:
        model.load_state_dict(given, strict=False)
    except Exception as error:  # hooks are the model's own
        raise StorageError(f"the model refuses its own state: {error}") from error
    for name, tensor in state_of(model).tensors.items():
        if name in before and not _same_bits(tensor, before[name]):
            raise StorageError(f"{name} is changed by the model's own hooks when it is loaded")


def _takes_part(module: nn.Module) -> bool:
    """Return whether a module does anything but copying when a state is loaded."""
    own = type(module)._load_from_state_dict
    hooks = module._load_state_dict_pre_hooks or module._load_state_dict_post_hooks
    return bool(hooks) or own not in (nn.Module._load_from_state_dict, _NormBase._load_from_state_dict)


def _same_bits(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return one.numel() == 0 or torch.equal(_bytes(one), _bytes(other))


def _bytes(tensor: Tensor) -> Tensor:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8)
