"""The refit of a Tucker-2 layer to activations: its coefficients on the output's side, and the core with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from ...numerics.linear import leading_eigenvectors
from ..refit.last_link import LastLink
from ..refit.whitened import output_moments
from .identity_blocks import IdentityExpand, pointwise_matrix, set_pointwise
from .layers import Tucker2Conv2d, diagonal_blocks


def last_coefficients(features: Callable[[Tensor], Tensor], last: nn.Module) -> LastLink:
    """Return the coefficients on the output's side as a `LastLink`; the identity of an identity block is fixed.

    Parameters
    ----------
    features
        Returns the input of ``last``.
    last
        A 1×1 convolution, grouped or not, or an `IdentityExpand`.
    """
    if not isinstance(last, IdentityExpand):
        assert isinstance(last, nn.Conv2d)
        matrix = pointwise_matrix(last).detach()
        return LastLink(features, None, matrix, _block_mask(last), lambda change: _add(last, change), last.bias)
    matrix, mixing, order = last.matrix().detach(), last.mixing, last.order
    free = torch.zeros(len(matrix), last.channels, dtype=torch.bool, device=matrix.device)
    if mixing is None:
        return LastLink(features, None, matrix, free, lambda _: None, last.bias)
    assert isinstance(mixing, nn.Conv2d)
    # in the order of the rows that are stored: those that pass, then those that are mixed
    free[last.channels :] = _block_mask(mixing)

    def add(change: Tensor) -> None:
        _add(mixing, change[order.argsort()][last.channels :])

    return LastLink(features, None, matrix, free[order], add, last.bias)


def _block_mask(conv: nn.Conv2d) -> Tensor:
    """Return which elements of a grouped 1×1 conv's ``(out, in)`` matrix are its own."""
    return torch.block_diag(*torch.ones_like(conv.weight[:, :, 0, 0], dtype=torch.bool).chunk(conv.groups)).bool()


def _add(conv: nn.Conv2d, change: Tensor) -> None:
    """Add the diagonal blocks of an ``(out, in)`` matrix to a grouped 1×1 conv."""
    set_pointwise(conv, diagonal_blocks(pointwise_matrix(conv).double() + change, conv.groups))


@torch.no_grad()
def whiten_outputs(
    layer: Tucker2Conv2d,
    conv: nn.Conv2d,
    first: Tensor,
    activations: Iterable[tuple[Tensor, Tensor]],
    positions: int,
    damping: float,
    generator: torch.Generator,
) -> None:
    """Choose core and last coefficients such that the output's error is least, the first coefficients being given.

    With ``y = W x`` and ``ŷ = W Aᵀ A x``, that of the projected input, the layer gives ``Z Zᵀ ŷ``. Its error
    ``E‖y − Z Zᵀ ŷ‖²`` is ``E‖y‖² − tr Zᵀ (E[ŷ yᵀ] + E[y ŷᵀ] − E[ŷ ŷᵀ]) Z``: least for the leading eigenvectors of the
    matrix in between. With the full ``r_in`` it is ``E[y yᵀ]``, as in the linear case of Zhang et al. (2016, section
    3.1). With blocks it falls apart into the diagonal ones.

    Parameters
    ----------
    layer, conv
        The replacement and its convolution.
    first : Tensor ``(N_in, r_in/N_in, c/N_in)``
        ``A``, with orthonormal rows.
    activations, positions, damping, generator
        As for `output_moments`.
    """
    weight = conv.weight.detach().double()
    reduce = torch.block_diag(*first)
    reduced = torch.einsum("nchw,rc->nrhw", weight, reduce)
    rows, projected = weight.flatten(1), torch.einsum("nrhw,rc->nchw", reduced, reduce).flatten(1)
    both = torch.cat((rows, projected))[None]
    moments, means = output_moments(both, layer.spec, activations, positions, damping, generator)
    cross, own = moments[0, len(rows) :, : len(rows)], moments[0, len(rows) :, len(rows) :]
    blocks = diagonal_blocks(cross + cross.mT - own, layer.blocks[1])
    last = leading_eigenvectors(blocks, layer.ranks[1] // layer.blocks[1])[1]
    expand = torch.block_diag(*last)
    layer.set_factors(first, torch.einsum("nr,nihw->rihw", expand, reduced), last)
    if conv.bias is not None and layer.last.bias is not None:
        layer.last.bias.copy_(conv.bias + (rows - expand @ expand.mT @ projected) @ means[0, 0])
