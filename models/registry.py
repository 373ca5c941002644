"""All families of models, and which one a name belongs to."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .errors import UnknownModelError, nearest
from .external import TimmModels, TorchvisionModels
from .family import Family
from .own import CifarDenseNets, CifarResNets, CifarVGGs, EDSRs, ImageNetResNetsForCifar, SRResNets, SSDs
from .weights import packaged_weights

OWN: tuple[Family, ...] = (
    CifarResNets(),
    ImageNetResNetsForCifar(),
    CifarVGGs(),
    CifarDenseNets(),
    EDSRs(),
    SRResNets(),
    SSDs(),
)
FAMILIES: tuple[Family, ...] = (*OWN, TimmModels(), TorchvisionModels())


@dataclass(frozen=True)
class ModelInfo:
    """One line of ``list_models()``.

    Attributes
    ----------
    pattern : str
        The names of the family, such as ``resnet{6k+2}``.
    example : str
        One name that loads.
    kwargs : dict
        Keyword arguments with their defaults; for timm and torchvision those that most of their models take.
    packaged : tuple of str
        Packaged weights as ``model--data``.
    source : str
        Paper or library.
    """

    pattern: str
    example: str
    kwargs: dict[str, Any]
    packaged: tuple[str, ...]
    source: str

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self) | {"packaged": list(self.packaged)}


def family_of(name: str) -> Family:
    """The family that a name belongs to.

    Raises
    ------
    UnknownModelError
        None does; the message gives the patterns and the nearest names.
    """
    for family in FAMILIES:
        if family.claims(name):
            return family
    known = [known for family in OWN for known in family.names()]
    known += [weights.model for weights in packaged_weights()]
    patterns = ", ".join(family.pattern for family in FAMILIES)
    hint = nearest(name, dict.fromkeys(known)) + _hint_elsewhere(name)
    raise UnknownModelError(f"No model is called {name!r}. Names are {patterns}.{hint}")


def _hint_elsewhere(name: str) -> str:
    """Where a name is that of a timm or torchvision model without its prefix, say so."""
    full = [f"{family.prefix}{name}" for family in (TimmModels(), TorchvisionModels()) if name in family.names()]
    return f" The libraries have {' and '.join(map(repr, full))}." if full else ""


def list_models() -> list[ModelInfo]:
    """One entry per family of models, ours first."""
    return [
        ModelInfo(family.pattern, family.example, dict(family.kwargs), family.packaged(), family.source)
        for family in FAMILIES
    ]
