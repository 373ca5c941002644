"""The storage of compressed models: a file holds the tensors and the plan, from which the model is built again."""

from __future__ import annotations

import json
import math
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..contract.errors import StorageError
from ..contract.forward import untouched_random_numbers
from ..contract.registry import entry_points
from ..contract.rewrite import adopt, compressed_layers, replace_conv
from ..contract.soundness.carried import carry
from ..contract.soundness.replaced import checked_replacement, put_back_on_failure
from ..contract.whole_model import WholeModelMethod
from ..linear_layers.layers import standing_in
from ..linear_layers.split import layer_paths, split_linears
from ..numerics.bits import pack, unpack
from ..plan.arguments import require_module
from ..plan.plan import Plan
from .counting import stored_tensors
from .session import groups_by_method, make_smaller, planned_convs
from .stored.layout import Layout
from .stored.restore import restore
from .stored.state import State, computed_types, require_storable, state_of
from .stored.values import encode
from .tensor_file import write_tensors

FORMAT = "decompbench-1"
MODEL_SOURCE = "decompbench.model_source"
"""Entry-point group of the functions that build a dense model from its name."""


_INTEGERS = {
    "bool": torch.bool, "uint8": torch.uint8, "int8": torch.int8, "int16": torch.int16, "int32": torch.int32,
    "int64": torch.int64,
}  # fmt: skip


def save(model: nn.Module, path: str | Path) -> Path:
    """Write a compressed model to a safetensors file, with the dense model's name and the plan in its metadata.

    Stored are the parameters, the persistent buffers and the extra state (``get_extra_state``) of every module,
    whatever hooks make of ``state_dict``. Tensors that lie in the same memory are stored once. Indices and codes take
    as many bits as they are counted with, and truth values one.

    Parameters
    ----------
    model
        The model from `Session.finish` or `compress`, or a dense one.
    path
        The file. It is written beside and then moved into place: a crash leaves the old file whole.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    StorageError
        If the model could not be loaded again, since it is deployed or its plan does not describe it; if a tensor or an
        extra state, which is named, is of a kind that files cannot hold, such as a sparse one or a tensor of a class of
        its own; or if the file cannot be written.
    """
    require_module(model)
    path = Path(path)
    model = _uncompiled(model)
    plan: Plan | None = getattr(model, "decompbench_plan", None)
    _require_loadable(model, plan)
    if not path.parent.is_dir():
        raise StorageError(f"cannot write {path}: there is no folder {path.parent}")
    state = state_of(model)
    for name, tensor in state.tensors.items():
        require_storable(name, tensor)
    held = dict(state.tensors)
    extra = {name: encode(module.get_extra_state(), name, held) for name, module in state.extra.items()}
    layout = Layout.of(held)
    widths = _integer_widths(model)
    memories = {view["of"] for view in layout.views.values()}
    packed: dict[str, dict[str, Any]] = {}
    for name, stored in layout.tensors.items():
        bits = widths.get(id(held.get(name)))
        if bits is not None and name not in memories and _fits(stored, bits):
            packed[name] = {"bits": bits, "dtype": str(stored.dtype).removeprefix("torch."), "shape": stored.shape}
            layout.tensors[name] = pack(stored, bits)
    metadata = {
        "model": getattr(model, "decompbench_ref", None),
        "plan": plan.to_json() if plan else None,
        "aliases": layout.aliases,
        "channels_last": layout.channels_last,
        "packed": packed,
    }
    # parts that few models have
    rare = {"strides": layout.strides, "views": layout.views, "extra": extra, "frozen": _frozen(state),
            "computed": computed_types(model)}  # fmt: skip
    metadata |= {key: value for key, value in rare.items() if value}
    written = {"format": FORMAT, **{key: json.dumps(value) for key, value in metadata.items()}}
    try:
        write_tensors(layout.tensors, path, written)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write {path}: {error}") from error
    return path


def _uncompiled(model: nn.Module) -> nn.Module:
    """Return the model that `torch.compile` has wrapped, or the model itself."""
    return getattr(model, "_orig_mod", model)


def _frozen(state: State) -> list[str]:
    return [
        name
        for name, tensor in state.tensors.items()
        if isinstance(tensor, nn.Parameter) and tensor.is_floating_point() and not tensor.requires_grad
    ]


def _fits(numbers: Tensor, bits: int) -> bool:
    """Return whether integers can be read again after each was written in ``bits`` bits."""
    if str(numbers.dtype).removeprefix("torch.") not in _INTEGERS or bits >= 32:
        return False
    return numbers.numel() == 0 or (int(numbers.min()) >= 0 and int(numbers.max()) < 2**bits)


def _integer_widths(model: nn.Module) -> dict[int, int]:
    """Return, by ``id``, the bits of one element of each integer tensor with fewer bits than its type."""
    masks = ((buffer, 1) for buffer in model.buffers() if buffer.dtype == torch.bool)
    return {
        id(tensor): bits
        for tensor, bits in chain(stored_tensors(model, "conv+linear"), masks)
        if not tensor.is_floating_point() and bits < 8 * tensor.element_size()
    }


def _unpacked(tensor: Tensor, packed: dict[str, Any]) -> Tensor:
    """Return integers that were stored in fewer bits than their type has; raise `TypeError` if they do not fit."""
    bits, shape, dtype = packed["bits"], packed["shape"], _INTEGERS[packed["dtype"]]
    count = math.prod(shape)
    if not 0 <= bits < 32 or tensor.dtype != torch.uint8 or tensor.shape != (math.ceil(count * bits / 8),):
        raise TypeError(f"{count} numbers of {bits} bits are not {tuple(tensor.shape)} of {tensor.dtype}")
    return unpack(tensor, bits, count).to(dtype).reshape(shape)


def _require_loadable(model: nn.Module, plan: Plan | None) -> None:
    """Raise `StorageError` for a model that `load` could not build from its plan."""
    if any("decompbench_forms" in vars(module) for module in model.modules()):
        raise StorageError(
            "a deployed model is not rebuilt from a plan: save the model it was deployed from and deploy that again "
            "after loading, or ship the deployed one with torch.export.export or torch.onnx.export"
        )
    planned = {path for layer in plan.layers if layer.group is not None
               for path in layer_paths(layer.spec, plan.scope.split)} if plan else set[str]()  # fmt: skip
    for path, layer in compressed_layers(model).items():
        if path not in planned:
            raise StorageError(
                f"no plan on the model says how its layer {path!r}, a {type(layer).__name__}, was made, so it could "
                "not be loaded again: save what compress or Session.finish returned"
            )


@untouched_random_numbers()
def load(path: str | Path, model: nn.Module | None = None) -> nn.Module:
    """Build a saved model again, in eval mode.

    Parameters
    ----------
    path
        A file that `save` wrote.
    model
        The dense model, needed only where it has no name with us; its weights are replaced.

    Returns
    -------
    nn.Module
        Gives bit-equal outputs to the model that was saved. Its parameters and persistent buffers have the same values,
        types and strides; names of one tensor are names of one again, and what lay in the same memory does again; what
        was frozen is frozen, all else as in the dense model; each module was given its extra state. Values that modules
        keep elsewhere are those of the dense model.

    Raises
    ------
    StorageError
        If the file is not one of ours or is damaged, the dense model cannot be built, the tensors do not fit it, or its
        forward pass goes around a layer that is replaced.

    Warns
    -----
    UserWarning
        If the file does not tell what an input of the model looks like, so that this last is not checked.
    """
    path = Path(path)
    metadata, tensors = _read(path)
    try:
        tensors |= {name: _unpacked(tensors[name], packed) for name, packed in metadata.get("packed", {}).items()}
        rare = (metadata.get(part, {}) for part in ("strides", "views"))
        layout = Layout(tensors, metadata["aliases"], metadata["channels_last"], *rare)
        plan = Plan.from_json(metadata["plan"]) if metadata["plan"] else None
        ref = metadata["model"]
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"the metadata of {path} is damaged: {error!r}") from error
    except ValueError as error:
        raise StorageError(f"the plan in {path} cannot be used: {error}") from error
    if model is None:
        model = _dense_model(path, ref)
    require_module(model)
    inner = _uncompiled(model)
    try:
        with put_back_on_failure(inner):
            if plan is not None:
                split_linears(inner, plan.scope.split)
            convs = planned_convs(inner, plan) if plan else {}
            originals = {place: inner.get_submodule(place) for place in convs}
            with checked_replacement(inner, originals, plan.draw_example if plan else lambda _: None):
                if plan is not None:
                    rebuild(inner, plan)
                _restore(inner, layout, metadata, path)
    except StorageError:
        raise
    except ValueError as error:
        raise StorageError(f"{path} does not fit the model: {error}") from error
    if plan is not None:
        vars(inner).update(decompbench_plan=plan)
    return model.eval()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                found = metadata.get("format", "none")
                raise StorageError(f"{path} was not written by decompbench.methods.save "
                                   f"(its format is {found}, not {FORMAT})")  # fmt: skip
            parsed = {key: json.loads(value) for key, value in metadata.items() if key != "format"}
            # copied into memory that torch aligns: matrix products of the very same numbers depend on that
            return parsed, {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - not a mapping
    except json.JSONDecodeError as error:
        raise StorageError(f"the metadata of {path} is damaged: {error}") from error
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error


def _dense_model(path: Path, ref: dict[str, Any] | None) -> nn.Module:
    if ref is None:
        raise StorageError(f"{path} does not name its dense model: pass it, load(path, model=...)")
    sources = entry_points(MODEL_SOURCE)
    failures = []
    for source in sources:
        try:
            return source.load()(ref["name"], **ref["kwargs"])
        except Exception as error:  # the next source may know the name
            failures.append(f"{source.value}: {error}")
    raise StorageError(f"cannot build the model {ref['name']!r} of {path}: {'; '.join(failures) or 'no model source'}")


def rebuild(model: nn.Module, plan: Plan) -> None:
    """Put layers of the plan's structure into a dense model, with arbitrary values."""
    if isinstance(plan.method, WholeModelMethod):
        make_smaller(model, plan, seed=0)
        return
    convs = planned_convs(model, plan)
    specs = {layer.path: layer.spec for layer in plan.layers}
    for method, groups in groups_by_method(plan).items():
        for group in groups:
            for path, new in method.skeleton_group({s.path: convs[s.path] for s in group}, group).items():
                layer = standing_in(specs[path], adopt(new, convs[path]))
                if specs[path].is_linear:
                    carry(layer, model.get_submodule(path))
                replace_conv(model, specs[path], layer)


def _restore(model: nn.Module, layout: Layout, metadata: dict[str, Any], path: Path) -> None:
    """Give a model of the plan's structure the state in the file."""
    try:
        restore(model, layout, metadata)
    except StorageError as error:
        raise StorageError(f"{path} does not fit the model; {error}") from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise StorageError(f"{path} is damaged, or does not fit the model: {error!r}") from error
