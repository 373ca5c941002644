"""The layers of a Tucker-2 decomposition, with coefficient matrices that are dense or hold an identity block."""

from __future__ import annotations

import torch
import torch.fx
from torch import Tensor, nn

from .layers import CompressedConv2d, FactoredConv2d, copy_bias
from .numerics import pivot_columns
from .spec import ConvSpec


@torch.fx.wrap
def take_channels(x: Tensor, index: Tensor) -> Tensor:
    """Return the channels ``index`` of ``x`` ``(b, c, h, w)`` in the memory format of ``x``."""
    if x.is_contiguous(memory_format=torch.channels_last):
        return x.permute(0, 2, 3, 1).index_select(3, index).permute(0, 3, 1, 2)
    return x.index_select(1, index)


class IdentityReduce(nn.Module):
    """``c → r`` channels by a matrix ``[I | M]``, its columns permuted: ``r`` channels pass, the others are mixed in.

    Stored are ``M``, as ``mixing`` ``(r, (c − r)/N, 1, 1)``, and ``order`` ``(c,)``: the channels that pass, ascending,
    then the others, ascending; so that one bit a channel would do.

    Parameters
    ----------
    in_channels, out_channels
        ``c`` and ``r``.
    groups
        Diagonal blocks ``N``.
    stride
        Positions that are looked at.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int = 1, stride: tuple[int, ...] = (1, 1)) -> None:
        super().__init__()
        self.channels, self.stride = out_channels, stride
        self.order: Tensor
        self.register_buffer("order", torch.arange(in_channels, dtype=torch.int32))
        mixed = in_channels - out_channels
        self.mixing = nn.Conv2d(mixed, out_channels, 1, groups=groups, bias=False) if mixed else None

    def forward(self, x: Tensor) -> Tensor:
        if self.stride != (1, 1):
            x = x[:, :, :: self.stride[0], :: self.stride[1]]
        if self.mixing is None:
            return x
        kept, others = self.order[: self.channels], self.order[self.channels :]
        return take_channels(x, kept) + self.mixing(take_channels(x, others))

    def matrix(self) -> Tensor:
        """Return the ``(r, c)`` matrix that is applied."""
        if self.mixing is None:
            return torch.eye(self.channels, device=self.order.device)
        mixing = pointwise_matrix(self.mixing)
        identity = torch.eye(self.channels, dtype=mixing.dtype, device=mixing.device)
        return torch.cat((identity, mixing), 1)[:, self.order.argsort()]

    def set_blocks(self, blocks: Tensor) -> Tensor:
        """Set the matrix from blocks ``(N, r/N, c/N)``; return what it is to be multiplied by, ``(N, r/N, r/N)``."""
        merged, mixing, order = identity_form(blocks)
        self.order.copy_(order)
        if self.mixing is not None:
            set_pointwise(self.mixing, mixing)
        return merged


class IdentityExpand(nn.Module):
    """``r → n`` channels by a matrix ``[I | M]ᵀ``, its rows permuted: ``r`` channels pass, the others mix them.

    Stored are ``M``, as ``mixing`` ``(n − r, r/N, 1, 1)``, the bias, and ``order`` ``(n,)``: the place of each output
    channel among those that pass and then those that are mixed.

    Parameters
    ----------
    in_channels, out_channels
        ``r`` and ``n``.
    groups
        Diagonal blocks ``N``.
    bias
        Whether to add one.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int = 1, bias: bool = False) -> None:
        super().__init__()
        self.channels = in_channels
        self.order: Tensor
        self.register_buffer("order", torch.arange(out_channels, dtype=torch.int32))
        mixed = out_channels - in_channels
        self.mixing = nn.Conv2d(in_channels, mixed, 1, groups=groups, bias=False) if mixed else None
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        if self.mixing is not None:
            x = take_channels(torch.cat((x, self.mixing(x)), 1), self.order)
        return x if self.bias is None else x + self.bias[:, None, None]

    def matrix(self) -> Tensor:
        """Return the ``(n, r)`` matrix that is applied."""
        if self.mixing is None:
            return torch.eye(self.channels, device=self.order.device)
        mixing = pointwise_matrix(self.mixing)
        identity = torch.eye(self.channels, dtype=mixing.dtype, device=mixing.device)
        return torch.cat((identity, mixing))[self.order]

    def set_blocks(self, blocks: Tensor) -> Tensor:
        """Set the matrix from blocks ``(N, n/N, r/N)``; return what it is to be multiplied by, ``(N, r/N, r/N)``."""
        merged, mixing, order = identity_form(blocks.mT)
        self.order.copy_(order.argsort())
        if self.mixing is not None:
            set_pointwise(self.mixing, mixing.mT)
        return merged.mT


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
        return sum(map(mask_bits, (self.first, self.last)))

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
        return mask_bits(self.second)

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


def mask_bits(module: nn.Module) -> int:
    """Return the bits of a coefficient matrix's permutation: one a channel, if it has any."""
    if isinstance(module, IdentityReduce | IdentityExpand) and module.mixing is not None:
        return module.order.numel()
    return 0


def identity_form(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Write blocks as ``B = B′ · [I | M] · P`` (yu2021, section III-D), with ``B′`` well-conditioned.

    Parameters
    ----------
    blocks : Tensor ``(N, r, c)``
        Of full row rank.

    Returns
    -------
    merged : Tensor ``(N, r, r)``
        ``B′``.
    mixing : Tensor ``(N, r, c − r)``
        ``M``.
    order : Tensor ``(N·c,)``
        Columns of the block-diagonal matrix that fall on the identity, ascending, then the others, ascending.
    """
    groups, rank, columns = blocks.shape
    kept = torch.stack([pivot_columns(block) for block in blocks])
    free = torch.ones(groups, columns, dtype=torch.bool, device=blocks.device).scatter(1, kept, False)
    others = free.nonzero()[:, 1].reshape(groups, columns - rank)
    merged = blocks.gather(2, kept[:, None].expand(-1, rank, -1))
    rest = blocks.gather(2, others[:, None].expand(-1, rank, -1))
    offsets = columns * torch.arange(groups, device=blocks.device)[:, None]
    order = torch.cat(((kept + offsets).flatten(), (others + offsets).flatten()))
    return merged, torch.linalg.solve(merged, rest), order


def coefficients(module: nn.Module) -> Tensor:
    """Return the matrix that a 1×1 conv, plain or with an identity block, applies to the channels."""
    return module.matrix() if isinstance(module, IdentityReduce | IdentityExpand) else pointwise_matrix(module)


def pointwise_matrix(conv: nn.Module) -> Tensor:
    """Return the ``(out, in)`` matrix of a 1×1 conv, block-diagonal if it has groups."""
    assert isinstance(conv, nn.Conv2d)
    return torch.block_diag(*conv.weight[:, :, 0, 0].chunk(conv.groups))


def set_pointwise(conv: nn.Module, blocks: Tensor) -> None:
    """Set a 1×1 conv's weight from its ``(N, out/N, in/N)`` diagonal blocks."""
    assert isinstance(conv, nn.Conv2d)
    conv.weight.copy_(blocks.flatten(0, 1)[:, :, None, None])


def diagonal_blocks(matrix: Tensor, groups: int) -> Tensor:
    """Return the ``(N, a/N, b/N)`` diagonal blocks of a block-diagonal ``(a, b)`` matrix."""
    rows, columns = matrix.shape[0] // groups, matrix.shape[1] // groups
    index = torch.arange(groups, device=matrix.device)
    return matrix.reshape(groups, rows, groups, columns)[index, :, index]
