"""Variants: networks of the papers as named plans, each a model with a method, its settings and the layers it touches.

They lie in ``variants/<paper>.yaml`` and are named ``<paper>-<key>``. A suite takes one by
``methods: [{variant: NAME}]``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ..base.errors import SuiteError
from ..base.yaml import find_packaged, packaged_entries
from .schema import Variant

FOLDER = Path(__file__).parent / "packaged" / "variants"


@cache
def packaged_variants() -> dict[str, Variant]:
    """Return all variants by name.

    Raises
    ------
    SuiteError
        A file cannot be used; the message names it and the key.
    """
    found: dict[str, Variant] = {}
    for file, key, content in packaged_entries(FOLDER):
        try:
            found[f"{file.stem}-{key}"] = Variant(**content)
        except ValidationError as error:
            raise SuiteError(f"{file}: {key}: {error}") from None
    return found


def find_variant(name: str) -> Variant:
    """Return the variant of a name.

    Raises
    ------
    SuiteError
        There is none; the message has the nearest names.
    """
    return find_packaged("variant", name, packaged_variants())
