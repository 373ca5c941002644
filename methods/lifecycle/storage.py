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
from ..contract.rewrite import adopt, compressed_layers, is_channels_last, replace_conv
from ..contract.soundness.carried import carry
from ..contract.soundness.replaced import checked_replacement, put_back_on_failure
from ..contract.whole_model import WholeModelMethod
from ..linear_layers.layers import standing_in
from ..linear_layers.split import layer_paths, split_linears
from ..numerics.bits import pack, unpack
from ..plan.plan import Plan
from .counting import stored_tensors
from .session import groups_by_method, make_smaller, planned_convs
from .tensor_file import write_tensors

FORMAT = "decompbench-1"
MODEL_SOURCE = "decompbench.model_source"
"""Entry-point group of the functions that build a dense model from its name."""


_INTEGERS = {"bool": torch.bool, "uint8": torch.uint8, "int16": torch.int16, "int32": torch.int32, "int64": torch.int64}


def save(model: nn.Module, path: str | Path) -> Path:
    """Write a compressed model to a safetensors file, with the dense model's name and the plan in its metadata.

    Indices and codes are stored in as many bits as they are counted with, and truth values in one.

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
        If the model could not be loaded again, since it is deployed or its plan does not describe it, or the file
        cannot be written.
    """
    path = Path(path)
    plan: Plan | None = getattr(model, "decompbench_plan", None)
    _require_loadable(model, plan)
    if not path.parent.is_dir():
        raise StorageError(f"cannot write {path}: there is no folder {path.parent}")
    tensors: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    channels_last: list[str] = []
    packed: dict[str, dict[str, Any]] = {}
    widths = _integer_widths(model)
    first_name: dict[tuple[int, int, torch.Size], str] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        # a shared tensor is stored once; an empty one has no address to tell it by
        key = (tensor.data_ptr(), tensor.storage_offset(), tensor.shape)
        if tensor.numel() and key in first_name:
            aliases[name] = first_name[key]
            continue
        first_name[key] = name
        if is_channels_last(tensor):
            channels_last.append(name)
        tensors[name] = tensor.detach().contiguous().cpu()
        if (bits := widths.get(id(tensor))) is not None:
            packed[name] = {"bits": bits, "dtype": str(tensor.dtype).removeprefix("torch."), "shape": tensor.shape}
            tensors[name] = pack(tensors[name], bits)
    metadata = {
        "format": FORMAT,
        "model": json.dumps(getattr(model, "decompbench_ref", None)),
        "plan": json.dumps(plan.to_json() if plan else None),
        "aliases": json.dumps(aliases),
        "channels_last": json.dumps(channels_last),
        "packed": json.dumps(packed),
    }
    try:
        write_tensors(tensors, path, metadata)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"cannot write {path}: {error}") from error
    return path


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
    if "decompbench_forms" in vars(model):
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
        Gives bit-equal outputs to the model that was saved.

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
        tensors |= {name: tensors[stored] for name, stored in metadata["aliases"].items()}
        plan = Plan.from_json(metadata["plan"]) if metadata["plan"] else None
        channels_last = set(metadata["channels_last"])
        ref = metadata["model"]
    except (KeyError, TypeError, AttributeError) as error:
        raise StorageError(f"the metadata of {path} is damaged: {error!r}") from error
    except ValueError as error:
        raise StorageError(f"the plan in {path} cannot be used: {error}") from error
    if model is None:
        model = _dense_model(path, ref)
    try:
        with put_back_on_failure(model):
            if plan is not None:
                split_linears(model, plan.scope.split)
            convs = planned_convs(model, plan) if plan else {}
            originals = {place: model.get_submodule(place) for place in convs}
            with checked_replacement(model, originals, plan.draw_example if plan else lambda _: None):
                if plan is not None:
                    _rebuild(model, plan)
                _assign(model, tensors, channels_last, path)
    except StorageError:
        raise
    except ValueError as error:
        raise StorageError(f"{path} does not fit the model: {error}") from error
    if plan is not None:
        vars(model).update(decompbench_plan=plan)
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


def _rebuild(model: nn.Module, plan: Plan) -> None:
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


def _assign(model: nn.Module, tensors: dict[str, Tensor], channels_last: set[str], path: Path) -> None:
    """Set every parameter and buffer to the stored tensor, dtype included; sharing stays as it was built."""
    owned = model.state_dict(keep_vars=True)
    missing, unexpected = sorted(owned.keys() - tensors.keys()), sorted(tensors.keys() - owned.keys())
    wrong = [
        f"{name} is {tuple(tensors[name].shape)}, not {tuple(owned[name].shape)}"
        for name in sorted(owned.keys() & tensors.keys())
        if tensors[name].shape != owned[name].shape
    ]
    if missing or unexpected or wrong:
        parts = [
            f"{what}: {', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
            for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", wrong))
            if names
        ]
        raise StorageError(f"{path} does not fit the model; {'; '.join(parts)}")
    for name, own in owned.items():
        tensor = tensors[name].to(own.device)
        own.data = tensor.contiguous(memory_format=torch.channels_last) if name in channels_last else tensor
    # modules that derive something from their tensors renew it when a state is loaded
    model.load_state_dict(model.state_dict())
