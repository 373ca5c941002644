"""The checksum that every line of a records file ends with: anyone can verify it, and without parsing JSON.

It is the line's last member, ``,"checksum":"<first 16 hex digits of the SHA-256 of all bytes before it>"}``, and so the
last 31 bytes before the newline.
"""

from __future__ import annotations

import hashlib

NAME = "checksum"
_BEFORE, _AFTER = f',"{NAME}":"'.encode(), b'"}'
_DIGITS = 16
_LENGTH = len(_BEFORE) + _DIGITS + len(_AFTER)


class SealError(ValueError):
    """A line without its checksum, or with one that is not that of its content."""


def sealed(document: str) -> str:
    """Return a JSON object with the checksum as its last member; the object has other members."""
    body = document.removesuffix("}")
    return body + (_BEFORE + _checksum(body.encode()) + _AFTER).decode()


def is_sealed(line: bytes) -> bool:
    """Tell whether a line, without its newline, ends like one with a checksum."""
    return line[-_LENGTH : len(_BEFORE) - _LENGTH] == _BEFORE and line.endswith(_AFTER)


def check_seal(line: bytes) -> None:
    """Verify a line, without its newline.

    Raises
    ------
    SealError
        It has no checksum, or one of other content.
    """
    if not is_sealed(line):
        raise SealError(f"no {NAME} at its end")
    found, wanted = line[len(_BEFORE) - _LENGTH : -len(_AFTER)], _checksum(line[:-_LENGTH])
    if found != wanted:
        raise SealError(f"{NAME} {found.decode(errors='replace')}, by its content {wanted.decode()}: it was changed")


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:_DIGITS].encode()
