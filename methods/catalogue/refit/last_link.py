"""The ridge regression of the last convolution of a chain on what the convolutions before it give."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...contract.spec import ConvSpec
from ...numerics.linear import ridge
from .positions import at_positions, draw_positions, patches_at


@dataclass(frozen=True)
class LastLink:
    """The last convolution of a replacement: the one that gives the output, linear in its weight and its bias.

    Attributes
    ----------
    features
        Returns its input ``(b, m, h, w)`` for an input of the replacement.
    spec
        Its geometry; None for a 1×1 convolution.
    matrix
        Its flattened filters as they are, ``(n, m·kh·kw)``, zeros outside the blocks of a grouped one.
    free
        Of the same shape: which elements can change. None for all.
    add
        Adds a matrix of that shape, in double precision, to the weight.
    bias
        Its bias, where it has one.
    """

    features: Callable[[Tensor], Tensor]
    spec: ConvSpec | None
    matrix: Tensor
    free: Tensor | None
    add: Callable[[Tensor], None]
    bias: Tensor | None

    @classmethod
    def of(cls, features: Callable[[Tensor], Tensor], conv: nn.Module) -> LastLink:
        """Return the link of a convolution in one group."""
        assert isinstance(conv, nn.Conv2d)
        weight = conv.weight

        def add(change: Tensor) -> None:
            weight.add_(change.reshape(weight.shape))

        spec = ConvSpec.of(conv) if conv.kernel_size != (1, 1) else None
        return cls(features, spec, weight.detach().flatten(1), None, add, conv.bias)


@torch.no_grad()
def refit_last(
    link: LastLink,
    activations: Iterable[tuple[Tensor, Tensor]],
    positions: int,
    damping: float,
    generator: torch.Generator,
) -> None:
    """Fit weight and bias of the last convolution by ridge regression of the targets on its input.

    With ``x`` the patches of its input in the compressed network and ``y`` the original's outputs, the change ``D`` of
    its filters ``A`` minimises ``Σ ‖y − (A + D) x‖² + λ ‖D‖²``, and so does that of the bias, which is not damped. It
    is the "asymmetric" reconstruction of Zhang et al. (2016, section 3.3) for one factor and without the nonlinearity,
    and what peng2018 does to the 1×1 convolution. The damping draws towards the present values: no ``λ`` makes the fit
    worse than these.
    """
    matrix, bias = link.matrix.double(), link.bias
    constant = int(bias is not None)
    size = matrix.shape[1] + constant
    gram, cross = matrix.new_zeros(size, size), matrix.new_zeros(len(matrix), size)
    for inputs, targets in activations:
        chosen = draw_positions(targets, positions, generator)
        maps = link.features(inputs)
        width = targets.shape[3]
        features = at_positions(maps, chosen) if link.spec is None else patches_at(maps, link.spec, chosen, width)
        residual = at_positions(targets, chosen) - features @ matrix.mT
        if bias is not None:
            residual -= bias
            features = F.pad(features, (0, 1), value=1.0)
        gram += features.mT @ features
        cross += residual.mT @ features
    change = torch.zeros_like(cross)
    free = torch.ones_like(matrix, dtype=torch.bool) if link.free is None else link.free
    for rows, columns in _rows_alike(free):
        if len(columns):
            kept = torch.cat((columns, columns.new_full((constant,), size - 1)))
            change[rows[:, None], kept] = ridge(gram[kept][:, kept], cross[rows][:, kept], damping, free=constant)
        elif constant:
            change[rows, -1] = cross[rows, -1] / gram[-1, -1]
    link.add(change[:, : matrix.shape[1]])
    if bias is not None:
        bias += change[:, -1]


def _rows_alike(free: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return the rows that share the columns in which they can change, with these columns."""
    patterns, of_row = torch.unique(free, dim=0, return_inverse=True)
    return [((of_row == i).nonzero()[:, 0], pattern.nonzero()[:, 0]) for i, pattern in enumerate(patterns)]
