"""The choice of convolutions: those a plan touches, and refusals that several methods share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any

from ..cost import Skip
from ..errors import require
from ..spec import ConvSpec


@dataclass(frozen=True)
class Select:
    """A choice of layers by path and by property.

    Attributes
    ----------
    include, exclude
        Glob patterns over module paths; a layer is in if it matches any of ``include`` and none of ``exclude``.
    skip_first, skip_last
        How many convolutions at the start and at the end of the forward pass are left alone; linear layers are not
        counted.
    skip_classifier
        Whether the last layer of the forward pass is left alone if it is a linear one.
    kernel_sizes, strides
        Where given, only layers with one of these.
    """

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    skip_first: int = 0
    skip_last: int = 0
    skip_classifier: bool = True
    kernel_sizes: tuple[tuple[int, int], ...] = ()
    strides: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("include", "exclude"):
            value = getattr(self, name)
            require(not isinstance(value, str), f"{name} is a tuple of patterns, such as ({value!r},); got {value!r}")

    def reason_to_skip(self, spec: ConvSpec, convs: int) -> Skip | None:
        """Return why ``spec`` is not selected; None if it is.

        Parameters
        ----------
        spec
            A layer. The position of a convolution is among the ``convs`` convolutions that are called.
        """
        if not any(fnmatchcase(spec.path, pattern) for pattern in self.include):
            return Skip(f"not selected: matches none of {', '.join(self.include)}")
        for pattern in self.exclude:
            if fnmatchcase(spec.path, pattern):
                return Skip(f"excluded by {pattern}")
        if spec.position < self.skip_first and not spec.is_linear:
            which = "first convolution" if self.skip_first == 1 else f"among the first {self.skip_first}"
            return Skip(f"{which}: left alone by skip_first={self.skip_first}")
        if spec.position >= convs - self.skip_last and not spec.is_linear:
            which = "last convolution" if self.skip_last == 1 else f"among the last {self.skip_last}"
            return Skip(f"{which}: left alone by skip_last={self.skip_last}")
        if self.kernel_sizes and spec.kernel_size not in self.kernel_sizes:
            return Skip(f"kernel {spec.kernel_size} not selected")
        if self.strides and spec.stride not in self.strides:
            return Skip(f"stride {spec.stride} not selected")
        return None

    def require_matches(self, specs: Sequence[ConvSpec], *, some: bool) -> None:
        """Check the choice against a model's convolutions.

        Parameters
        ----------
        specs
            All layers of the model.
        some
            Whether at least one layer has to be selected.

        Raises
        ------
        SettingError
            If a pattern matches no layer, or none is selected.
        """
        specs = ranked_convolutions(specs)
        convs = sum(spec.position >= 0 and not spec.is_linear for spec in specs)
        for name, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                require(
                    pattern == "*" or any(fnmatchcase(spec.path, pattern) for spec in specs),
                    f"select: {name} {pattern!r} matches no convolution; {paths_in_short(specs)}",
                )
        require(
            not some or not specs or any(self.reason_to_skip(spec, convs) is None for spec in specs),
            f"select leaves none of the {len(specs)} convolutions to compress, with {self._changed()}",
        )

    def _changed(self) -> str:
        """Return the fields that differ from their defaults as Python writes them."""
        changed = (f for f in fields(self) if getattr(self, f.name) != f.default)
        return ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in changed)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a plain mapping."""
        return asdict(self)


def ranked_convolutions(specs: Sequence[ConvSpec]) -> list[ConvSpec]:
    """Return specs, given in the order of the first call, with positions of convolutions among convolutions alone."""
    convs = (spec for spec in specs if not spec.is_linear and spec.position >= 0)
    ranks = {spec.path: rank for rank, spec in enumerate(convs)}
    return [replace(spec, position=ranks[spec.path]) if spec.path in ranks else spec for spec in specs]


def paths_in_short(specs: Sequence[ConvSpec]) -> str:
    """Return a clause that names the first paths of a model's convolutions, for an error about a pattern."""
    more = ", …" if len(specs) > 8 else ""
    return f"their paths are {', '.join(spec.path for spec in specs[:8])}{more}"


def refuse_grouped(spec: ConvSpec) -> Skip | None:
    """Return a skip for grouped and depthwise convolutions."""
    if spec.groups == 1:
        return None
    depthwise = spec.groups == spec.in_channels
    return Skip("depthwise convolution" if depthwise else f"grouped convolution ({spec.groups} groups)")


def refuse_pointwise(spec: ConvSpec) -> Skip | None:
    """Return a skip for 1×1 convolutions."""
    return Skip("1×1 convolution") if spec.kernel_area == 1 else None
