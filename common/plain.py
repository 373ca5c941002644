"""Plain text: what stands for the characters that a terminal's, or a pipe's, encoding lacks."""

from __future__ import annotations

import codecs
import io
import json
import re
import unicodedata
from typing import TextIO

#: By character what it means in ASCII.
MEANT = {
    "→": "->", "←": "<-", "↑": "^", "↓": "v", "⇒": "=>", "×": "x", "·": "*", "•": "*", "÷": "/", "±": "+-", "∓": "-+",
    "–": "-", "—": "-", "−": "-", "‐": "-", "‑": "-", "…": "...", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "∼": "~",
    "∞": "inf", "√": "sqrt", "∑": "sum", "∈": "in", "⁄": "/", "°": "deg", "‖": "||", "²": "^2", "³": "^3",
    "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "«": '"', "»": '"', "✓": "yes", "✗": "no", "�": "?",
    "ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
}  # fmt: skip
#: How the names of characters begin in Unicode that one ASCII character each stands for.
DRAWN = (
    ("BOX DRAWINGS LIGHT HORIZONTAL", "-"), ("BOX DRAWINGS HEAVY HORIZONTAL", "-"), ("BOX DRAWINGS DOUBLE HORIZ", "="),
    ("BOX DRAWINGS LIGHT VERTICAL", "|"), ("BOX DRAWINGS HEAVY VERTICAL", "|"), ("BOX DRAWINGS DOUBLE VERTICAL", "|"),
    ("BOX DRAWINGS", "+"), ("BRAILLE PATTERN", "*"), ("BLACK", "*"), ("WHITE", "o"), ("FULL BLOCK", "#"),
    ("DARK SHADE", "#"), ("MEDIUM SHADE", "+"), ("LIGHT SHADE", "."),
)  # fmt: skip
#: Corners and crossings of boxes, which the names above would take for lines.
CROSSINGS = re.compile("BOX DRAWINGS .* AND ")
#: Name of the error handler for streams.
HANDLER = "decompbench.plain"


def plain(text: str, encoding: str) -> str:
    """Return a text in which what an encoding lacks is replaced: ``→`` by ``->``, ``λ`` by ``lambda``, ``é`` by ``e``.

    What nothing in ASCII is like keeps its number: ``\\u65e5``. Half of a file name that is no text, too: ``\\udcff``.
    """
    if _has(encoding, text):
        return text
    return "".join(one if _has(encoding, one) else _ascii(one) for one in text)


def plain_json(text: str, encoding: str) -> str:
    """Return JSON in which what an encoding lacks is escaped as JSON has it: every reader gets the same values."""
    if _has(encoding, text):
        return text
    return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match[0])[1:-1], text)


def make_plain(stream: TextIO) -> None:
    """Have a stream write what its encoding lacks as :func:`plain` does, instead of failing."""
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(HANDLER, _replace)
        stream.reconfigure(errors=HANDLER)


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Return what is written for the characters that an encoder stumbled over, and where it goes on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_ascii, error.object[error.start : error.end])), error.end


def _has(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _ascii(character: str) -> str:
    """Return what stands for one character, which may be ASCII itself."""
    if character.isascii():
        return character
    if character in MEANT:
        return MEANT[character]
    name = unicodedata.name(character, "")
    if CROSSINGS.match(name):
        return "+"
    for start, drawn in DRAWN:
        if name.startswith(start):
            return drawn
    if name.startswith("GREEK") and " LETTER " in name:
        letter = name.partition(" LETTER ")[2].partition(" ")[0].replace("LAMDA", "LAMBDA")
        return letter.lower() if "SMALL" in name else letter.capitalize()
    if unicodedata.category(character) == "Zs":
        return " "
    apart = "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))
    if apart and apart != character:
        return "".join(map(_ascii, apart))
    return character.encode("ascii", "backslashreplace").decode()
