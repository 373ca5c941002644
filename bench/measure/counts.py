"""Counts of sizes and operations. Each is counted in several ways; where they disagree there is no number."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from ...methods import Layers, count_stored, deploy, save, stored_tensors
from ...methods.contract.rewrite import compressed_layers
from ..records.record import Counts
from .counters import WeightUse, audit_weights, count_dispatched, count_macs

#: The largest share of all MACs that may be products written out as multiplications and sums, which no counter sees.
MOST_BY_HAND = 0.01


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
        What the plan's formulas give for the weights of ``layers``, and for the MACs of all matrix products.
    what
        Name of the model for messages.
    layers
        What ``planned_weights`` are of: convolutions, or linear layers, too.

    Raises
    ------
    CountMismatchError
        The stored conv weights, fvcore's MACs or torch's differ from the formulas; all are named. Or a parameter went
        into an operation that none of them counts.
    """
    stored, all_stored = count_stored(model), count_stored(model, "conv+linear")
    weights = (stored if layers == "conv" else all_stored).weights
    if weights != planned_weights:
        raise CountMismatchError(
            f"{layers} weights of the {what} model: {weights} stored, {planned_weights} by the plan's formula"
        )
    compact = deploy(model, example, forms="compact")
    macs, not_counted = count_macs(compact, example)
    macs_torch, not_counted_torch = count_dispatched(compact, example)
    if not macs == macs_torch == planned_macs:
        raise CountMismatchError(
            f"MACs of the {what} model: {macs} by fvcore, {macs_torch} by torch's counter, "
            f"{planned_macs} by the plan's formula"
        )
    use = audit_weights(model, example)
    require_counted(use, macs, what)
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
        unused=use.unused,
    )


def require_counted(use: WeightUse, macs: int, what: str) -> None:
    """Raise `CountMismatchError` if parameters of the ``what`` model took part in work that ``macs`` lacks."""
    if use.uncounted:
        listed = "; ".join(f"{name} in {', '.join(sorted(taken))}" for name, taken in sorted(use.uncounted.items()))
        raise CountMismatchError(
            f"parameters of the {what} model went into operations that no counter has a rule for: {listed}. Its MACs "
            "are not known: write the operation as a convolution, a linear layer or a product of matrices"
        )
    written_out = sum(use.by_hand.values())
    if written_out > MOST_BY_HAND * macs:
        raise CountMismatchError(
            f"parameters of the {what} model are multiplied element by element and summed, {written_out} times beside "
            f"{macs} MACs: {', '.join(sorted(use.by_hand))}. No counter sees such a product: write it as one of "
            "matrices"
        )


def state_sha256(model: nn.Module) -> str:
    """Return a hash over a model's state: names, types, shapes and values of parameters and buffers."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


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
