"""The layers of a Tucker-2 decomposition, with coefficient matrices that are dense or hold an identity block."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...contract.layers import CompressedConv2d, FactoredConv2d, copy_bias
from ...contract.spec import ConvSpec
from .identity_blocks import IdentityExpand, IdentityReduce, mask_bits, pointwise_matrix, set_pointwise


class Tucker2Conv2d(CompressedConv2d):
    """1×1 conv ``c→r_in``, spatial core ``r_in→r_out``, 1×1 conv ``r_out→n``.

    Shapes: ``first`` ``(r_in, c / N_in, 1, 1)``, ``core`` ``(r_out, r_in, kh, kw)`` with stride, padding and dilation,
    ``last`` ``(n, r_out / N_out, 1, 1)`` with the bias. A pointwise map commutes with every padding mode. The stride of
    a 1×1 conv without padding is that of ``first``, so that nothing is computed that a later stride would drop.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    ranks
        ``(r_in, r_out)``.
    groups
        ``(N_in, N_out)``.
    identity
        Whether ``first`` and ``last`` hold an identity block instead of being plain 1×1 convs.
    """

    def __init__(
        self, spec: ConvSpec, ranks: tuple[int, int], groups: tuple[int, int] = (1, 1), *, identity: bool = False
    ) -> None:
        super().__init__(spec)
        # not "groups": a network may read that of the layer as it would of the convolution
        self.ranks, self.blocks, self.identity = ranks, groups, identity
        c, n = spec.in_channels, spec.out_channels
        early = strides_first(spec)
        stride = spec.stride if early else (1, 1)
        if identity:
            self.first = IdentityReduce(c, ranks[0], groups[0], stride)
            self.last = IdentityExpand(ranks[1], n, groups[1], spec.bias)
        else:
            self.first = nn.Conv2d(c, ranks[0], 1, stride, groups=groups[0], bias=False)  # pyright: ignore[reportArgumentType]
            self.last = nn.Conv2d(ranks[1], n, 1, groups=groups[1], bias=spec.bias)
        self.core = nn.Conv2d(*ranks, 1, bias=False) if early else spec.spatial_conv(*ranks)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.core(self.first(x)))

    def dense_weight(self) -> Tensor:
        first, last = coefficients(self.first), coefficients(self.last)
        core = self.core.weight
        return torch.einsum("no,oihw,ic->nchw", last.to(core.dtype), core, first.to(core.dtype))

    def bias_tensor(self) -> Tensor | None:
        return self.last.bias

    def extra_bits(self) -> int:
        return mask_bits(self)

    def factors(self) -> Tucker2Conv2d:
        """Return the same with plain 1×1 convs: more multiply-accumulates, no gathering of channels."""
        plain = Tucker2Conv2d(self.spec, self.ranks, self.blocks).to(self.core.weight)
        with torch.no_grad():
            set_pointwise(plain.first, diagonal_blocks(coefficients(self.first), self.blocks[0]))
            set_pointwise(plain.last, diagonal_blocks(coefficients(self.last), self.blocks[1]))
            plain.core.weight.copy_(self.core.weight)
            copy_bias(self.last, plain.last)
        return plain.train(self.training)

    def forms(self) -> dict[str, nn.Module]:
        return super().forms() | ({"factors": self.factors()} if self.identity else {})

    def set_factors(self, first: Tensor, core: Tensor, last: Tensor) -> None:
        """Copy weights in, as `decompose` gives them.

        With an identity block, what is left of ``first`` and ``last`` beside it is multiplied into the core.
        """
        with torch.no_grad():
            if isinstance(self.first, IdentityReduce) and isinstance(self.last, IdentityExpand):
                into = torch.block_diag(*self.first.set_blocks(first))
                out = torch.block_diag(*self.last.set_blocks(last))
                core = torch.einsum("no,oihw,ic->nchw", out, core, into)
            else:
                set_pointwise(self.first, first)
                set_pointwise(self.last, last)
            self.core.weight.copy_(core)


class IdentityPair(FactoredConv2d):
    """A 1×1 conv as two, ``c→r`` and ``r→n``, the second with an identity block.

    Parameters
    ----------
    spec
        The convolution that is replaced.
    rank
        Channels ``r`` between the two.
    """

    def __init__(self, spec: ConvSpec, rank: int) -> None:
        super().__init__(spec, rank)
        self.second = IdentityExpand(rank, spec.out_channels, bias=spec.bias)

    def dense_weight(self) -> Tensor:
        first = self.first.weight
        return torch.einsum("nr,rchw->nchw", coefficients(self.second).to(first.dtype), first)

    def extra_bits(self) -> int:
        return mask_bits(self)

    def set_factors(self, filters: Tensor, mixing: Tensor) -> None:
        assert isinstance(self.second, IdentityExpand)
        columns, scales = torch.linalg.qr(mixing)  # small singular values must not decide the identity's columns
        with torch.no_grad():
            merged = self.second.set_blocks(columns[None])[0]
            self.first.weight.copy_((merged @ scales @ filters).reshape(self.first.weight.shape))


def strides_first(spec: ConvSpec) -> bool:
    """Return whether a convolution's stride can be taken before anything else: a 1×1 conv without padding."""
    unpadded = isinstance(spec.padding, str) or not any(spec.padding)
    return spec.kernel_area == 1 and unpadded


def coefficients(module: nn.Module) -> Tensor:
    """Return the matrix that a 1×1 conv, plain or with an identity block, applies to the channels."""
    return module.matrix() if isinstance(module, IdentityReduce | IdentityExpand) else pointwise_matrix(module)


def diagonal_blocks(matrix: Tensor, groups: int) -> Tensor:
    """Return the ``(N, a/N, b/N)`` diagonal blocks of a block-diagonal ``(a, b)`` matrix."""
    rows, columns = matrix.shape[0] // groups, matrix.shape[1] // groups
    index = torch.arange(groups, device=matrix.device)
    return matrix.reshape(groups, rows, groups, columns)[index, :, index]
