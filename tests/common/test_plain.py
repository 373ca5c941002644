"""Plain text: what an encoding lacks is replaced by what means the same, and nothing else is."""

import io
import json
import sys
import unicodedata

import pytest

from decompbench.common.plain import MEANT, make_plain, plain, plain_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 → 2 × 3 ≤ 4 ± 5 – 6…", "1 -> 2 x 3 <= 4 +- 5 - 6..."),
        ("λ = 0.1, Δ²Ω, ∞", "lambda = 0.1, Delta^2Omega, inf"),
        ("Größe naïve Ł", "Grosse naive L"),
        ("┌─┬┐│╭━╸║═┼", "+-++|+-+|=+"),
        ("½ ﬁ ①", "1/2 fi 1"),
        ("日本", r"\u65e5\u672c"),
        ("\udcff.png", r"\udcff.png"),
        ("🙂", r"\U0001f642"),
        ("plain", "plain"),
    ],
)
def test_ascii(text, shown):
    assert plain(text, "ascii") == shown


def test_what_an_encoding_has_stays():
    assert plain("é × ± → ∞", "latin-1") == "é × ± -> inf"
    assert plain("é – … → λ", "cp1252") == "é – … -> lambda"
    text = "é – … → λ 日本"
    assert plain(text, "utf-8") is text
    assert plain("\udcff", "utf-8") == r"\udcff"


def test_every_character_has_some_ascii():
    for number in (*range(0x3000), *range(0xD800, 0xE000), 0x1F642, 0x10FFFF):
        shown = plain(chr(number), "ascii")
        assert shown.isascii(), hex(number)
        assert shown or unicodedata.combining(chr(number))
    assert all(shown.isascii() and shown for shown in MEANT.values())


def test_json_keeps_its_values():
    value = {"größe": ["→", "🙂", "\udcff"]}
    text = json.dumps(value, ensure_ascii=False)
    assert json.loads(plain_json(text, "ascii")) == value
    assert plain_json(text, "ascii").isascii()
    assert plain_json('"é"', "latin-1") == '"é"'


@pytest.mark.parametrize(
    ("encoding", "shown"), [("ascii", "e -> lambda"), ("latin-1", "é -> lambda"), ("utf-8", "é → λ")]
)
def test_a_stream_never_fails(encoding, shown):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    make_plain(stream)
    print("é → λ \udcff", file=stream, flush=True)
    assert stream.buffer.getvalue().decode(encoding) == f"{shown} \\udcff\n"


def test_other_streams_are_left_alone():
    stream = io.StringIO()
    make_plain(stream)
    print("→", file=stream)
    assert stream.getvalue() == "→\n"
    assert sys.stdout is not stream
