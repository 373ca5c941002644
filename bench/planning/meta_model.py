"""Models on the meta device, without memory for weights: enough for sizes and MACs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ...methods import Layers, Trace, trace
from ...models import ModelInfo, list_models, load_model
from ..base.runtime import single_thread

#: Up to how many parameters times pixels of the input, which no network of convolutions has more MACs than, a trace is
#: taken on the CPU: a tenth of a second at most. torch's rules for tensors without memory import its compiler and
#: sympy, which takes as long as the import of torch.
SMALL = 1e9


@dataclass(frozen=True)
class TracedModel:
    """A dense model on the meta device, an input batch of one, and its trace."""

    model: nn.Module
    example: Tensor
    traced: Trace


def trace_model(name: str, options: dict[str, Any], size: tuple[int, ...], layers: Layers = "conv") -> TracedModel:
    """Return a model as `load_model` builds it, traced.

    Parameters
    ----------
    name, options
        For ``load_model``.
    size
        Shape of an input without its batch, as a rule channels, height and width.
    layers
        Whether linear layers are traced, too.
    """
    model, example = build_on_meta(name, options), torch.zeros(1, *size, device="meta")
    if count_parameters(model) * math.prod(size[1:]) > SMALL:
        return TracedModel(model, example, trace(model, example, layers))
    with torch.random.fork_rng(devices=[]), single_thread():
        return TracedModel(model, example, trace(load_model(name, **options), torch.zeros(1, *size), layers))


class _NothingDrawn(TorchFunctionMode):
    """Leaves weights without memory as they are where they would be drawn, as torch imports its compiler for that."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_) and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def build_on_meta(name: str, options: dict[str, Any]) -> nn.Module:
    """Return a model as `load_model` builds it, without memory for its weights."""
    try:
        with torch.device("meta"), _NothingDrawn():
            return load_model(name, **options)
    except NotImplementedError:  # it computes its widths by tensors (torchvision's RegNets)
        return load_model(name, **options).to("meta")


def own_input_size(model: nn.Module) -> tuple[int, int, int]:
    """Return channels, height and width that a model of `load_model` was made for; 32×32 where nothing tells."""
    reference = getattr(model, "decompbench_ref", None)
    size = list_models(reference["name"])[0].input_size if reference else None
    first = next(module.in_channels for module in model.modules() if isinstance(module, nn.Conv2d))
    channels, height, width = size or (first, 32, 32)
    return reference["kwargs"].get("in_chans", channels) if reference else channels, height, width


def count_parameters(model: nn.Module) -> int:
    """Return how many parameters a model has, a shared one counted once."""
    return sum(parameter.numel() for parameter in model.parameters())


@cache
def traced_model(name: str, options: str, size: tuple[int, int, int]) -> TracedModel:
    """Return what `trace_model` does, one for all who ask for the same; ``options`` are JSON."""
    return trace_model(name, json.loads(options), size)


def size_of(info: ModelInfo) -> dict[str, Any]:
    """Return a model's ``parameters`` and ``macs``, None where there are none, and a ``note`` that says why.

    ``unused`` are the names of parameters that take part in nothing, such as a head for training only.
    """
    # fvcore and scipy come with them, which a plan does not need
    from ..measure.counters import audit_weights
    from ..measure.counts import require_counted

    nothing: dict[str, Any] = {"parameters": None, "macs": None, "unused": [], "note": None}
    if info.is_pattern:
        return nothing
    model = build_on_meta(info.name, {})
    size = nothing | {"parameters": count_parameters(model)}
    if info.input_size is None:
        return size | {"note": "no MACs: it does not take images of one size"}
    example = torch.zeros(1, *info.input_size, device="meta")
    try:
        macs, use = trace(model, example).macs, audit_weights(model, example)
        require_counted(use, macs, "dense")
    except Exception as error:  # of a library's model, which can raise anything
        return size | {"note": f"no MACs: {error}"}
    return size | {"macs": macs, "unused": use.unused}
