"""Counts of sizes and operations. Each is counted in several ways; where they disagree there is no number."""

from __future__ import annotations

import hashlib
import logging
import math
import tempfile
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.jit_handles import get_shape
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ...methods import Layers, count_stored, deploy, save, stored_tensors
from ...methods.contract.rewrite import compressed_layers
from ..records.record import Counts

#: Operators of convs and linear layers, which the formulas know. Products of two activations, as in attention, are
#: the same in every model compared and known to each counter in its own way: they are left out by all.
MAC_OPERATORS = ("conv", "linear", "addmm")
TORCH_OPERATORS = ("convolution", "_convolution", "addmm", "linear")


class CountMismatchError(ValueError):
    """Two ways of counting the same thing gave different numbers: one of them is wrong."""


def count_model(
    model: nn.Module,
    example: Tensor,
    *,
    planned_weights: int,
    planned_macs: int,
    what: str,
    layers: Layers = "conv",
) -> Counts:
    """Count a model in every convention.

    Parameters
    ----------
    model
        A finished (or dense) model; it is not changed.
    example
        Input of one image, ``(1, c, h, w)``.
    planned_weights, planned_macs
        What the plan's formulas give for the weights of ``layers``, and for the MACs of convs and linears.
    what
        Name of the model for messages.
    layers
        What ``planned_weights`` are of: convolutions, or linear layers, too.

    Raises
    ------
    CountMismatchError
        The stored conv weights, fvcore's MACs or torch's differ from the formulas; all are named.
    """
    stored, all_stored = count_stored(model), count_stored(model, "conv+linear")
    weights = (stored if layers == "conv" else all_stored).weights
    if weights != planned_weights:
        raise CountMismatchError(
            f"{layers} weights of the {what} model: {weights} stored, {planned_weights} by the plan's formula"
        )
    compact = deploy(model, example, forms="compact")
    macs, not_counted = count_macs(compact, example)
    macs_torch, not_counted_torch = _count_macs_torch(compact, example)
    if not macs == macs_torch == planned_macs:
        raise CountMismatchError(
            f"MACs of the {what} model: {macs} by fvcore, {macs_torch} by torch's counter, "
            f"{planned_macs} by the plan's formula"
        )
    # an index is a parameter by the papers' count, though no gradient reaches it: hence not model.parameters()
    parameters = all_stored.weights + other_parameters(model, "conv+linear")
    state = parameters + running_statistics(model)
    return Counts(
        conv_weights=stored.weights,
        conv_fc_weights=all_stored.weights,
        parameters=parameters,
        state=state,
        effective=state - 0.75 * all_stored.quantised,
        bits=stored.bits,
        conv_fc_bits=all_stored.bits,
        disk=_saved_bytes(model),
        macs=macs,
        macs_formula=planned_macs,
        macs_torch=macs_torch,
        macs_shared=_macs_shared(model, macs),
        not_counted=not_counted,
        not_counted_torch=not_counted_torch,
    )


def count_macs(model: nn.Module, example: Tensor) -> tuple[int, dict[str, int]]:
    """Count multiply-accumulates with fvcore.

    Parameters
    ----------
    model
        In its deployed form: a layer that builds its weight in forward would be charged for that.
    example
        Input of one image, ``(1, c, h, w)``.

    Returns
    -------
    int
        MACs of convs and linear layers.
    dict of str to int
        Operations fvcore has no rule for, with how often they occur.
    """
    logging.getLogger("fvcore").setLevel(logging.ERROR)
    analysis = FlopCountAnalysis(model, (example,))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    analysis.set_op_handle("aten::_convolution_mode", _convolution_mode_macs)
    with torch.no_grad():
        by_operator = analysis.by_operator()
        not_counted = {name: int(count) for name, count in sorted(analysis.unsupported_ops().items())}
    return int(sum(by_operator[name] for name in MAC_OPERATORS)), not_counted


def _convolution_mode_macs(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
    """Count a convolution with its padding in words (``"same"``), for which fvcore has no rule."""
    weight, output = get_shape(inputs[1]) or [], get_shape(outputs[0]) or []
    return Counter(conv=math.prod(output) * math.prod(weight[1:]))


def state_sha256(model: nn.Module) -> str:
    """Return a hash over a model's state: names, types, shapes and values of parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _count_macs_torch(model: nn.Module, example: Tensor) -> tuple[int, dict[str, int]]:
    """Count multiply-accumulates with torch's own counter, which counts two operations for each.

    Returns
    -------
    int
        MACs of convs and linear layers.
    dict of str to int
        Operations that the counter has no rule for, with how often they occur.
    """
    counter = FlopCounterMode(display=False)
    unknown = _UnknownOperations(counter.flop_registry)
    with torch.no_grad(), unknown, counter:
        model(example)
    by_module = counter.get_flop_counts()
    flops = _flops(by_module.get("Global", {}), TORCH_OPERATORS)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            # one without bias is a plain matrix product, which elsewhere is one of two activations
            flops += _flops(by_module.get(f"{type(model).__name__}.{name}", {}), ("mm",))
    return flops // 2, dict(sorted(unknown.calls.items()))


class _UnknownOperations(TorchDispatchMode):
    """Counts the calls of operations that compute something and are not in ``known``.

    A mode entered before a counter sees what the counter lets through, after it has taken composite operations apart.
    """

    def __init__(self, known: Container[Any]) -> None:
        super().__init__()
        self.known = known
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket not in self.known and not func.is_view:
            self.calls[f"aten::{_operator_name(func)}"] += 1
        return func(*args, **(kwargs or {}))


def _flops(counted: Mapping[Any, int], operators: Sequence[str]) -> int:
    return sum(flops for operator, flops in counted.items() if _operator_name(operator) in operators)


def _operator_name(operator: object) -> str:
    """Return ``convolution`` for ``aten.convolution``."""
    return str(operator).split(".")[1] if "." in str(operator) else str(operator)


def other_parameters(model: nn.Module, layers: Layers = "conv") -> int:
    """Count the distinct parameters that do not stand for weights of ``layers``: biases, norms, linear layers."""
    weights = {id(tensor) for tensor, _ in stored_tensors(model, layers)}
    return sum(p.numel() for p in model.parameters() if id(p) not in weights)


def running_statistics(model: nn.Module) -> int:
    """Count the elements of the batch-norms' running mean and variance."""
    buffers = (
        buffer
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        for buffer in (module.running_mean, module.running_var)
    )
    return sum(buffer.numel() for buffer in buffers if buffer is not None)


def _macs_shared(model: nn.Module, macs: int) -> int | None:
    """Return ``macs`` with equal products done once in the layers that share any; None if there are no such layers."""
    layers = set(compressed_layers(model).values())
    sharing = [(layer.spec, shared) for layer in layers if (shared := layer.shared_macs()) is not None]
    saved = sum(spec.cost.macs - shared for spec, shared in sharing)
    return macs - saved if sharing else None


def _saved_bytes(model: nn.Module) -> int:
    """Return the size of the model's safetensors file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save(model, path)
        return path.stat().st_size
