"""Pairs: images at two resolutions. They are decoded when needed and kept in memory up to a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ..errors import DataError
from ..images.pictures import reading_threads
from ..images.resize import downsample

LowHigh = tuple[Tensor, Tensor]
"""Low and high resolution as uint8 ``(3, h, w)`` and ``(3, scale * h, scale * w)``."""
DECODED_LIMIT = 2 * 2**30
"""Bytes of decoded images that are kept, unless told otherwise."""


@dataclass(frozen=True)
class Pair:
    """One image at both resolutions.

    Attributes
    ----------
    name : str
        For messages.
    scale : int
        Enlargement.
    size : tuple of int
        Height and width at low resolution.
    high : callable
        Reads the image at high resolution, ``(3, h, w)`` uint8; what is more than ``scale`` times ``size`` is cut
        off at the bottom and at the right.
    low : callable, optional
        Reads the low-resolution one; where there is none it is made from the other by bicubic shrinking.
    """

    name: str
    scale: int
    size: tuple[int, int]
    high: Callable[[], Tensor]
    low: Callable[[], Tensor] | None = None

    @classmethod
    def of_image(cls, name: str, image: Tensor, scale: int) -> Pair:
        """Return the pair of an image in memory, ``(3, h, w)`` uint8."""
        height, width = image.shape[1:]
        return cls(name, scale, (height // scale, width // scale), lambda: image)

    @property
    def bytes(self) -> int:
        """What both take decoded."""
        return 3 * self.size[0] * self.size[1] * (1 + self.scale**2)

    def read(self) -> LowHigh:
        """Decode both.

        Raises
        ------
        DataError
            A file cannot be read.
        """
        height, width = self.size
        # contiguous: a view would keep alive what was cut off
        high = self.high()[:, : self.scale * height, : self.scale * width].contiguous()
        return (downsample(high, self.scale) if self.low is None else self.low().contiguous()), high

    def strip(self, first: int, last: int) -> Pair:
        """Return the pair of the rows ``first`` to ``last`` of the low resolution, the last one left out."""
        high, low, scale = self.high, self.low, self.scale
        return replace(
            self,
            size=(last - first, self.size[1]),
            high=lambda: high()[:, scale * first : scale * last],
            low=None if low is None else lambda: low()[:, first:last],
        )


@dataclass(frozen=True)
class PairSet:
    """Pairs with a hash over all that they are read from.

    Attributes
    ----------
    name : str
        Short name, such as ``Set5``.
    revision : str
        16 hex digits.
    pairs : tuple of Pair
        All of one scale.
    """

    name: str
    revision: str
    pairs: tuple[Pair, ...]

    def __post_init__(self) -> None:
        if not self.pairs:
            raise DataError(f"{self.name} has no images.")


class DecodedPairs:
    """Decodes pairs and keeps those last used, as long as they take no more than ``limit`` bytes together."""

    def __init__(self, limit: int = DECODED_LIMIT) -> None:
        self.limit = limit
        self.used = 0
        self._kept: OrderedDict[Pair, LowHigh] = OrderedDict()
        self._lock = threading.Lock()  # batches are made in a thread beside whoever else reads

    def read(self, pairs: Sequence[Pair]) -> list[LowHigh]:
        """Return the pairs decoded, in their order; those not kept are decoded in threads.

        Raises
        ------
        DataError
            A file cannot be read.
        """
        with self._lock:
            return self._read(pairs)

    def _read(self, pairs: Sequence[Pair]) -> list[LowHigh]:
        missing = [pair for pair in dict.fromkeys(pairs) if pair not in self._kept]
        decoded = dict(zip(missing, reading_threads().map(Pair.read, missing), strict=True)) if missing else {}
        for pair in pairs:
            if pair in self._kept:
                self._kept.move_to_end(pair)
        result = [decoded[pair] if pair in decoded else self._kept[pair] for pair in pairs]
        for pair, low_high in decoded.items():
            self._keep(pair, low_high)
        return result

    def _keep(self, pair: Pair, low_high: LowHigh) -> None:
        if pair.bytes > self.limit:
            return
        self._kept[pair] = low_high
        self.used += pair.bytes
        while self.used > self.limit:
            oldest, _ = self._kept.popitem(last=False)
            self.used -= oldest.bytes
