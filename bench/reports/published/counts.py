"""The papers' conventions of counting, applied to a dense model and its plan; no weight is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...base.errors import BenchError

if TYPE_CHECKING:
    from torch import nn

    from ....methods import Plan


@dataclass(frozen=True)
class Network:
    """A network of a paper, to be counted.

    Attributes
    ----------
    model
        The dense model, whose weights may be on the meta device.
    plan
        What becomes of its convolutions.
    block
        Path of the residual block that the convention ``block`` counts.
    """

    model: nn.Module
    plan: Plan
    block: str = ""


def conv_weights(net: Network) -> tuple[float, float]:
    """Count stored conv weights, a shared tensor once."""
    return net.plan.before.weights, net.plan.after.weights


def conv_fc_weights(net: Network) -> tuple[float, float]:
    """Count conv and linear weights."""
    from ....methods import linear_weights

    return _with(linear_weights(net.model), conv_weights(net))


def parameters(net: Network) -> tuple[float, float]:
    """Count all distinct parameters."""
    from ...measure.counts import other_parameters

    _require_nothing_added(net.plan)
    return _with(other_parameters(net.model), conv_weights(net))


def state(net: Network) -> tuple[float, float]:
    """Count all distinct parameters and batch-norm's running statistics."""
    from ...measure.counts import running_statistics

    return _with(running_statistics(net.model), parameters(net))


def effective(net: Network) -> tuple[float, float]:
    """Count the state, an element quantised to 8 bits as 1/4."""
    before, after = state(net)
    return before - 0.75 * net.plan.before.quantised, after - 0.75 * net.plan.after.quantised


def block(net: Network) -> tuple[float, float]:
    """Count the conv weights of one residual block."""
    inside = [layer for layer in net.plan.layers if layer.path.startswith(f"{net.block}.")]
    if not inside:
        raise BenchError(f"the model has no convolution below '{net.block}'")
    shared = {layer.group for layer in inside if layer.group is not None}
    after = sum(layer.after.weights for layer in inside) + sum(net.plan.groups[i].shared.weights for i in shared)
    return sum(layer.before.weights for layer in inside), after


def conv_macs(net: Network) -> tuple[float, float]:
    """Count the multiply-accumulates of convolutions."""
    return net.plan.before.macs, net.plan.after.macs


def macs(net: Network) -> tuple[float, float]:
    """Count the multiply-accumulates of all matrix products: in the papers' networks convolutions and linear layers."""
    return _with(net.plan.linear_macs, conv_macs(net))


CONVENTIONS: dict[str, Callable[[Network], tuple[float, float]]] = {
    "conv_weights": conv_weights,
    "conv_fc_weights": conv_fc_weights,
    "parameters": parameters,
    "state": state,
    "effective": effective,
    "block": block,
    "conv_macs": conv_macs,
    "macs": macs,
}
"""Each returns the count of the dense and of the compressed network."""


def _with(same: int, counts: tuple[float, float]) -> tuple[float, float]:
    """Add what is the same in the dense and the compressed network."""
    return counts[0] + same, counts[1] + same


def _require_nothing_added(plan: Plan) -> None:
    """Refuse plans whose layers have parameters of their own beside conv weights and the bias they take over."""
    adding = {group.method.name for group in plan.groups if group.method.kind == "architectural"}
    if adding:
        raise BenchError(f"{', '.join(sorted(adding))} may add batch-norms: count the compressed model itself")
