"""A line of a records file: verified, and made into a document of the present version."""

from __future__ import annotations

import json
from typing import Any

from .checksum import NAME, SealError, check_seal, is_sealed
from .migrations import MIGRATIONS, SCHEMA_VERSION, migrated

#: The first version whose lines all end with a checksum.
SEALED_SINCE = 2


def read_line(line: bytes) -> tuple[dict[str, Any], int]:
    """Return a line's document in the present version, without its checksum, and the version it was written in.

    Parameters
    ----------
    line
        Without its newline.

    Raises
    ------
    ValueError
        It is not JSON, no record, of a version that is not known here, or its checksum is missing or wrong.
    """
    document = _verified(line)
    version = document["schema_version"]
    try:
        return migrated(document), version
    except (AttributeError, KeyError, TypeError) as error:  # a member is not of the shape that it had then
        raise ValueError(f"not a whole record: {type(error).__name__}: {error}") from None


def _verified(line: bytes) -> dict[str, Any]:
    """Return a line's document as it was written, without its checksum."""
    try:
        document = json.loads(line)
    except ValueError as error:
        detail = error.msg if isinstance(error, json.JSONDecodeError) else error  # without the place, which differs
        raise ValueError(f"not JSON ({detail})") from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError("not a record: it has no schema_version")
    if version > SCHEMA_VERSION:
        raise ValueError(
            f"schema_version {version} is newer than this program knows ({SCHEMA_VERSION}): "
            "read it with the version of decompbench that wrote it, or a newer one"
        )
    if version < min(MIGRATIONS):
        raise ValueError(f"schema_version {version}: there has never been one")
    if version >= SEALED_SINCE or is_sealed(line):
        try:
            check_seal(line)
        except SealError as error:
            raise ValueError(f"damaged: {error}") from None
        del document[NAME]
    return document
