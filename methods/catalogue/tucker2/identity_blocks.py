"""Coefficient matrices with an identity block (yu2021, section III-D): most channels of one side pass as they are."""

from __future__ import annotations

from typing import Any

import torch
import torch.fx
from torch import Tensor, nn

from ...numerics.linear import pivot_columns


@torch.fx.wrap
def take_channels(x: Tensor, index: Tensor) -> Tensor:
    """Return the channels ``index`` of ``x`` ``(b, c, h, w)`` in the memory format of ``x``."""
    if x.is_contiguous(memory_format=torch.channels_last):
        return x.permute(0, 2, 3, 1).index_select(3, index).permute(0, 3, 1, 2)
    return x.index_select(1, index)


class IdentityBlock(nn.Module):
    """A matrix between ``r`` channels and more, with an identity for ``r`` of these, which therefore pass as they are.

    ``passes`` has one bit a channel, or is None where all channels pass. ``order`` follows from it.

    Parameters
    ----------
    channels
        ``r``.
    all_channels
        How many there are on the other side.
    """

    passes: Tensor | None
    order: Tensor

    def __init__(self, channels: int, all_channels: int) -> None:
        super().__init__()
        self.channels = channels
        mask = torch.arange(all_channels) < channels
        self.register_buffer("passes", mask if channels < all_channels else None)
        self.register_buffer("order", self._order_of(mask), persistent=False)

    def _order_of(self, passes: Tensor) -> Tensor:
        """Return the channels that pass, ascending, then the others, ascending, as ``int32``."""
        return (~passes).byte().argsort(stable=True).int()

    def _set_passes(self, passes: Tensor) -> None:
        if self.passes is not None:
            self.passes.copy_(passes)
            self.order = self._order_of(self.passes)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        if self.passes is not None:
            self.order = self._order_of(self.passes)


class IdentityReduce(IdentityBlock):
    """``c → r`` channels by a matrix ``[I | M]``, its columns permuted: ``r`` channels pass, the others are mixed in.

    Stored are ``M``, as ``mixing`` ``(r, (c − r)/N, 1, 1)``, and which channels pass. ``order`` ``(c,)`` has these
    first and then the others.

    Parameters
    ----------
    in_channels, out_channels
        ``c`` and ``r``.
    groups
        Diagonal blocks ``N``.
    stride
        Stride of the positions that are used.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int = 1, stride: tuple[int, ...] = (1, 1)) -> None:
        super().__init__(out_channels, in_channels)
        self.stride = stride
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
        """Set the matrix from blocks ``(N, r/N, c/N)``; return the factor left over for the core, ``(N, r/N, r/N)``."""
        merged, mixing, passes = identity_form(blocks)
        self._set_passes(passes)
        if self.mixing is not None:
            set_pointwise(self.mixing, mixing)
        return merged


class IdentityExpand(IdentityBlock):
    """``r → n`` channels by a matrix ``[I | M]ᵀ``, its rows permuted: ``r`` channels pass, the others mix them.

    Stored are ``M``, as ``mixing`` ``(n − r, r/N, 1, 1)``, the bias, and which channels pass. ``order`` ``(n,)`` is the
    place of each output channel among those that pass and then those that are mixed.

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
        super().__init__(in_channels, out_channels)
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
        """Set the matrix from blocks ``(N, n/N, r/N)``; return the factor left over for the core, ``(N, r/N, r/N)``."""
        merged, mixing, passes = identity_form(blocks.mT)
        self._set_passes(passes)
        if self.mixing is not None:
            set_pointwise(self.mixing, mixing.mT)
        return merged.mT

    def _order_of(self, passes: Tensor) -> Tensor:
        """Return the place of each channel in the order of the base class."""
        return super()._order_of(passes).argsort().int()


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
    passes : Tensor ``(N·c,)``
        Whether a column of the block-diagonal matrix falls on the identity.
    """
    groups, rank, columns = blocks.shape
    kept = torch.stack([pivot_columns(block) for block in blocks])
    free = torch.ones(groups, columns, dtype=torch.bool, device=blocks.device).scatter(1, kept, False)
    others = free.nonzero()[:, 1].reshape(groups, columns - rank)
    merged = blocks.gather(2, kept[:, None].expand(-1, rank, -1))
    rest = blocks.gather(2, others[:, None].expand(-1, rank, -1))
    return merged, torch.linalg.solve(merged, rest), ~free.flatten()


def mask_bits(layer: nn.Module) -> int:
    """Return the bits that say which channels the identity blocks in ``layer`` hold."""
    blocks = (module for module in layer.modules() if isinstance(module, IdentityBlock))
    return sum(block.passes.numel() for block in blocks if block.passes is not None)


def pointwise_matrix(conv: nn.Module) -> Tensor:
    """Return the ``(out, in)`` matrix of a 1×1 conv, block-diagonal if it has groups."""
    assert isinstance(conv, nn.Conv2d)
    return torch.block_diag(*conv.weight[:, :, 0, 0].chunk(conv.groups))


def set_pointwise(conv: nn.Module, blocks: Tensor) -> None:
    """Set a 1×1 conv's weight from its ``(N, out/N, in/N)`` diagonal blocks."""
    assert isinstance(conv, nn.Conv2d)
    conv.weight.copy_(blocks.flatten(0, 1)[:, :, None, None])
