"""YAML as people write it in suites, variants and recipes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from ...common.names import suggestion
from .errors import SuiteError

Found = TypeVar("Found")


class Loader(yaml.SafeLoader):
    """A loader to which ``1e-3`` is a number and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"line {key_node.start_mark.line + 1}: key '{key}' is given twice"
                )
            seen.add(key if isinstance(key, str) else repr(key))
        return super().construct_mapping(node, deep=deep)


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def parse_value(text: str) -> Any:
    """Return the value of a setting as a suite file would read it: a number, ``true``, ``[3, 3]``, a word.

    Raises
    ------
    SuiteError
        The text is not valid YAML.
    """
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        raise SuiteError(f"cannot read the value {text!r}: {' '.join(str(error).split())}") from None


def packaged_entries(folder: Path) -> Iterator[tuple[Path, str, Any]]:
    """Yield file, key and content of all that the YAML files of a folder say, sorted by file."""
    for file in sorted(folder.glob("*.yaml")):
        for key, content in parse_value(file.read_text(encoding="utf-8")).items():
            yield file, key, content


def find_packaged(kind: str, name: str, known: Mapping[str, Found]) -> Found:
    """Return the packaged object of a name.

    Parameters
    ----------
    kind
        What it is, for the message.
    name
        As the user gave it.
    known
        All there are.

    Raises
    ------
    SuiteError
        There is none; the message has the nearest names, and all.
    """
    if name not in known:
        raise SuiteError(f"unknown {kind} '{name}'{suggestion(name, known)}; packaged: {', '.join(known)}")
    return known[name]
