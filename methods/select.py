"""Which convolutions a plan touches."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from .cost import Skip
from .errors import require
from .spec import ConvSpec


@dataclass(frozen=True)
class Select:
    """A choice of layers by path and by property.

    Attributes
    ----------
    include, exclude
        Glob patterns over module paths; a layer is in if it matches any of ``include`` and none of ``exclude``.
    skip_first, skip_last
        How many convolutions at the start and at the end of the forward pass are left alone.
    kernel_sizes, strides
        Where given, only layers with one of these.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    skip_first: int = 0
    skip_last: int = 0
    kernel_sizes: tuple[tuple[int, int], ...] = field(default=())
    strides: tuple[tuple[int, int], ...] = field(default=())

    def __post_init__(self) -> None:
        for name in ("include", "exclude"):
            value = getattr(self, name)
            require(not isinstance(value, str), f"{name} is a tuple of patterns, such as ({value!r},); got {value!r}")

    def reason_to_skip(self, spec: ConvSpec, convs: int) -> Skip | None:
        """Return why ``spec`` is not selected among ``convs`` convolutions in all; None if it is."""
        if not any(fnmatchcase(spec.path, pattern) for pattern in self.include):
            return Skip(f"not selected: matches none of {', '.join(self.include)}")
        for pattern in self.exclude:
            if fnmatchcase(spec.path, pattern):
                return Skip(f"excluded by {pattern}")
        if spec.position < self.skip_first:
            return Skip("first convolution" if self.skip_first == 1 else f"among the first {self.skip_first}")
        if spec.position >= convs - self.skip_last:
            return Skip("last convolution" if self.skip_last == 1 else f"among the last {self.skip_last}")
        if self.kernel_sizes and spec.kernel_size not in self.kernel_sizes:
            return Skip(f"kernel {spec.kernel_size} not selected")
        if self.strides and spec.stride not in self.strides:
            return Skip(f"stride {spec.stride} not selected")
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a plain mapping."""
        return asdict(self)
