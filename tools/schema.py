"""The description of a record, a page and a JSON Schema, made from the fields as they are documented in the code.

    python tools/schema.py                      # after a change of a field

It writes ``docs/record.schema.json`` and the generated part of ``docs/records.md``, and tells which are new.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from decompbench.bench.records.checksum import NAME
from decompbench.bench.records.columns import FIXED, FLEXIBLE
from decompbench.bench.records.migrations import SCHEMA_VERSION
from decompbench.bench.records.record import Record

DOCS = Path(__file__).parents[1] / "docs"
GENERATED = re.compile(r"(?P<begin><!-- fields -->\n).*?(?P<end><!-- end of the fields -->)", re.DOTALL)
CHECKSUM = 'First 16 hex digits of the SHA-256 of all bytes of the line before `,"checksum"`.'

Schema = dict[str, Any]


def record_schema() -> Schema:
    """Return the JSON Schema of a line of a records file, every property with its description."""
    schema = Record.model_json_schema(mode="serialization")
    for part in (schema, *schema["$defs"].values()):
        part["description"] = _unfolded(part["description"])
        for value in part["properties"].values():
            value.pop("title", None)
            if "description" in value:
                value["description"] = _unfolded(value["description"])
    schema["properties"]["schema_version"] |= {"const": SCHEMA_VERSION}
    schema["properties"][NAME] = {"type": "string", "pattern": "^[0-9a-f]{16}$", "description": CHECKSUM}
    schema["required"].append(NAME)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def field_tables(schema: Schema) -> str:
    """Return the generated part of the page: a table for each model, and the columns of the flat table."""
    parts = ["## Members of a record", ""]
    for name, part in [("Record", schema), *schema["$defs"].items()]:
        parts += [f"### {name}", "", part["description"], "", "| field | type | meaning |", "|---|---|---|"]
        parts += [_row(f"`{field}`", _type(value), value["description"]) for field, value in part["properties"].items()]
        parts.append("")
    parts += ["## Columns of the flat table", "", "| column | type | meaning |", "|---|---|---|"]
    parts += [_row(f"`{column.name}`", column.type, column.meaning) for column in (*FIXED, *FLEXIBLE)]
    return "\n".join([*parts, ""])


def _unfolded(text: str) -> str:
    """Return a docstring's text in one line, with its references and code as Markdown has them."""
    text = re.sub(r":\w+:`~?\.?([^`]+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``", "`")


def _type(value: Schema) -> str:
    """Return a JSON Schema's type in words."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{choice}`" for choice in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(map(_type, value["anyOf"])))
    if value.get("type") == "array":
        return f"array of {_type(value['items'])}" if "items" in value else _pair(value)
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"object of {_type(value['additionalProperties'])}"
    return value.get("type", "any")


def _pair(value: Schema) -> str:
    return f"[{', '.join(map(_type, value['prefixItems']))}]"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def files() -> Iterator[tuple[Path, str]]:
    """Yield both files with the content that they are to have."""
    schema = record_schema()
    yield DOCS / "record.schema.json", json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    path, tables = DOCS / "records.md", field_tables(schema)
    text = path.read_text(encoding="utf-8")
    yield path, GENERATED.sub(lambda match: f"{match['begin']}\n{tables}\n{match['end']}", text)


def main() -> None:
    """Write both files; tell which have changed."""
    for path, content in files():
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            print(f"{path.name} is new", file=sys.stderr)


if __name__ == "__main__":
    main()
