"""Scripts in tools/ and benchmarks/: what they import of decompbench is there, and each tells how it is called."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from tests.places import ROOT, TOOLS

BENCHMARKS = ROOT / "benchmarks"
SCRIPTS = [path for folder in (TOOLS, BENCHMARKS) for path in sorted(folder.rglob("*.py"))]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_script_imports_of_decompbench_is_there(path: Path) -> None:
    """Type checkers do not follow an editable install from here, and most benchmarks take too long to be run."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    of_older_revisions = {
        inner for node in nodes if isinstance(node, ast.ExceptHandler) for inner in ast.walk(node)
    }  # which asv's benchmarks measure as well
    for node in nodes:
        ours = isinstance(node, ast.ImportFrom) and (node.module or "").startswith("decompbench.")
        if ours and node not in of_older_revisions:
            module = importlib.import_module(node.module or "")
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize(
    "path", [path for path in SCRIPTS if "__main__" in path.read_text(encoding="utf-8")], ids=lambda path: path.name
)
def test_a_script_says_how_it_is_called_from_the_top(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert f"python {path.relative_to(ROOT)}" in text


def test_every_tool_has_its_line() -> None:
    text = (TOOLS / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in TOOLS.glob("*.py") if f"python tools/{path.name}" not in text] == []
